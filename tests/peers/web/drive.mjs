// Drives the page of examples/web: drive.mjs chromium|node PAGE_URL [BASE_URL] [CLIENT] [PROTOCOL]
//
// Exits with 0 if every call of the page came to what it must, over the protocol that was asked for.
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [how, page, base, client, protocol] = process.argv.slice(2);

const report = how === "node" ? await inNode() : await inBrowser();
const failed = report.results.filter(({ error }) => error);
for (const { name, error } of report.results) console.log(name, error ?? "ok");
if (protocol && report.protocol !== protocol) {
  console.log(`the page came over ${report.protocol}, not ${protocol}`);
  process.exit(1);
}
if (failed.length > 0 || report.results.length < 10) {
  console.log(failed.map(({ name, error }) => `${name}: ${error}`).join("; ") || "too few calls");
  process.exit(1);
}
process.exit(0);

/// The same calls by node's own fetch. The bundle with them lies where this is told.
async function inNode() {
  const { run, connectClient } = await import(process.env.CALLS);
  return { results: await run(connectClient(base)) };
}

async function inBrowser() {
  const profile = mkdtempSync(join(tmpdir(), "grpc-sansio-web-"));
  const said = [];
  let browser;
  try {
    return await new Promise((resolve, reject) => {
      const server = createServer((request, response) => {
        let body = "";
        request.on("data", (piece) => (body += piece));
        request.on("end", () => {
          response.writeHead(200, { "access-control-allow-origin": "*" }).end();
          if (request.method === "POST") resolve(JSON.parse(body));
        });
      });
      server.listen(0, "127.0.0.1", () => {
        const url = new URL(page);
        const reportTo = `http://127.0.0.1:${server.address().port}/`;
        for (const [name, value] of Object.entries({ base, client, report: reportTo })) url.searchParams.set(name, value);
        const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"];
        const more = ["--ignore-certificate-errors", "--enable-logging=stderr", `--user-data-dir=${profile}`];
        browser = spawn(process.env.CHROMIUM ?? "chromium-headless-shell", [...flags, ...more, url.href], {
          stdio: ["ignore", "ignore", "pipe"],
        });
        browser.stderr.on("data", (piece) => said.push(piece));
        browser.on("error", reject);
        browser.on("exit", () => reject(new Error(`the browser has ended: ${said.join("").slice(-2000)}`)));
        setTimeout(() => reject(new Error(`no report in time: ${said.join("").slice(-2000)}`)), 25_000).unref();
      });
    });
  } finally {
    browser?.removeAllListeners("exit");
    browser?.kill("SIGKILL");
    // The browser may still be writing there.
    setTimeout(() => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }), 100).ref();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}
