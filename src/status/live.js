// Replaces the page's contents with those that the gateway sends. Without this the page is renewed by the browser.
"use strict";
const main = document.querySelector("main");
const link = document.getElementById("link");
const source = new EventSource("/live");
source.onmessage = (event) => {
  link.textContent = "live";
  // Nobody should lose what he is about to copy.
  if (!document.hidden && String(getSelection()) === "") {
    main.innerHTML = JSON.parse(event.data);
  }
};
source.onerror = () => {
  link.textContent = "no connection to the gateway; what is shown may be old";
  // Too many pages are open, or a password is missing.
  if (source.readyState === EventSource.CLOSED) {
    setTimeout(() => location.reload(), 10000);
  }
};
