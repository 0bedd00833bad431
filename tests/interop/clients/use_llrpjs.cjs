// Inventory with llrpjs: bare messages, as its own example has them.
const { LLRPClient, LLRPCore } = require("llrpjs");

const [host, port, wanted] = process.argv.slice(2);
const found = new Set();
const reader = new LLRPClient({ host, port: Number(port) });
const DEADLINE_MS = 15000;

const spec = {
  ROSpecID: 77,
  Priority: 0,
  CurrentState: "Disabled",
  ROBoundarySpec: {
    ROSpecStartTrigger: { ROSpecStartTriggerType: "Null" },
    ROSpecStopTrigger: { ROSpecStopTriggerType: "Null", DurationTriggerValue: 0 },
  },
  AISpec: {
    AntennaIDs: [0],
    AISpecStopTrigger: { AISpecStopTriggerType: "Null", DurationTrigger: 0 },
    InventoryParameterSpec: { InventoryParameterSpecID: 1, ProtocolID: "EPCGlobalClass1Gen2" },
  },
  ROReportSpec: {
    ROReportTrigger: "Upon_N_Tags_Or_End_Of_ROSpec",
    N: 1,
    TagReportContentSelector: {
      EnableROSpecID: true,
      EnableSpecIndex: true,
      EnableInventoryParameterSpecID: true,
      EnableAntennaID: true,
      EnableChannelIndex: true,
      EnablePeakRSSI: true,
      EnableFirstSeenTimestamp: true,
      EnableLastSeenTimestamp: true,
      EnableTagSeenCount: true,
      EnableAccessSpecID: true,
      C1G2EPCMemorySelector: { EnableCRC: true, EnablePCBits: true },
    },
  },
};

async function ask(request) {
  const response = await reader.transact(request);
  const status = response.getLLRPStatus();
  if (status.getStatusCode() !== "M_Success") {
    throw new Error(`${request.getName()}: ${status.getStatusCode()} ${status.getErrorDescription()}`);
  }
}

async function main() {
  await reader.connect();
  const hello = await reader.recv(7000);
  const attempt = hello.getReaderEventNotificationData().getConnectionAttemptEvent();
  if (attempt.getStatus() !== "Success") throw new Error(attempt.getStatus());
  await ask(new LLRPCore.DELETE_ROSPEC({ data: { ROSpecID: 0 } }));
  await ask(new LLRPCore.SET_READER_CONFIG({ data: { ResetToFactoryDefault: true } }));
  await ask(new LLRPCore.ADD_ROSPEC({ data: { ROSpec: spec } }));
  const complete = new Promise((resolve) => {
    reader.on("RO_ACCESS_REPORT", (message) => {
      for (const data of [message.getTagReportData()].flat()) {
        found.add(data.getEPCParameter().getEPC().toLowerCase());
      }
      if (found.size >= Number(wanted)) resolve();
    });
    setTimeout(resolve, DEADLINE_MS);
  });
  await ask(new LLRPCore.ENABLE_ROSPEC({ data: { ROSpecID: 77 } }));
  // Its transact spins for ever once reports come between request and response: this one is sent, not awaited.
  await reader.send(new LLRPCore.START_ROSPEC({ data: { ROSpecID: 77 } }));
  await complete;
  console.log(JSON.stringify({ tags: [...found].sort() }));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
