// Runs all calls and shows what came of them. With `?report=URL` it is told there too, as JSON.
import { run } from "./calls.js";
import { textClient } from "./text.js";
import { connectClient } from "./connect.js";

const options = new URLSearchParams(location.search);
const base = options.get("base") ?? location.origin;
const client = options.get("client") === "text" ? textClient(base) : connectClient(base);

show();

async function show() {
  const results = await run(client);
  for (const { name, error } of results) {
    const row = document.getElementById("results").insertRow();
    row.insertCell().textContent = name;
    row.insertCell().textContent = error ?? "ok";
    row.className = error ? "failed" : "";
  }
  // How the page itself came says how the calls do: browsers use one connection for an origin.
  const protocol = performance.getEntriesByType("navigation")[0]?.nextHopProtocol;
  if (options.has("report")) {
    await fetch(options.get("report"), { method: "POST", body: JSON.stringify({ protocol, results }) });
  }
}
