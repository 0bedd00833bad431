// Renews the parts of the page with what the gateway sends. Without this the page is renewed by the browser.
"use strict";
const main = document.querySelector("main");
const link = document.getElementById("link");
const source = new EventSource("/live");

const say = (text) => {
  // Said once, not with every message.
  if (link.textContent !== text) link.textContent = text;
};

// The parts that have changed; what somebody has opened stays open, and the keyboard's place is kept.
const renew = (html) => {
  const next = document.createElement("template");
  next.innerHTML = html;
  const state = next.content.getElementById("state");
  if (state) document.title = state.dataset.title;
  const parts = [...next.content.children];
  const ids = (list) => list.map((part) => part.id).join();
  if (ids(parts) !== ids([...main.children])) {
    main.replaceChildren(...parts);
    return;
  }
  for (const part of parts) {
    const old = document.getElementById(part.id);
    if (old.outerHTML === part.outerHTML) continue;
    if (part.id === "state") {
      // The same element, so that its new text is read out.
      if (old.textContent !== part.textContent) old.textContent = part.textContent;
      old.className = part.className;
      old.dataset.title = part.dataset.title;
      continue;
    }
    const focused = old.contains(document.activeElement) && document.activeElement.closest("details");
    for (const opened of old.querySelectorAll("details[open]")) {
      const again = [...part.querySelectorAll("details")].find((it) => it.id === opened.id);
      if (again) again.open = true;
    }
    // So does what was moved sideways on a narrow screen.
    const moved = [...old.querySelectorAll("pre")].map((it) => [it.scrollLeft, it === document.activeElement]);
    old.replaceWith(part);
    for (const [at, text] of [...part.querySelectorAll("pre")].entries()) {
      const [left, held] = moved[at] ?? [0, false];
      text.scrollLeft = left;
      if (held) text.focus({ preventScroll: true });
    }
    if (focused) document.getElementById(focused.id)?.querySelector("summary").focus();
  }
};

source.onmessage = (event) => {
  say("live");
  // Nobody should lose what he is about to copy.
  if (!document.hidden && String(getSelection()) === "") renew(JSON.parse(event.data));
};
source.onerror = () => {
  say("no connection to the gateway; what is shown may be old");
  // Too many pages are open, or a password is missing.
  if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 10000);
};
