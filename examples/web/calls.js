// Calls that a page makes, and what must come of them.
import { service, unimplemented } from "./service.js";

const { emptyCall, unaryCall, streamingOutputCall } = service.method;
const SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \ud83d\ude08\t\n";

function equal(name, got, wanted) {
  if (got !== wanted) throw new Error(`${name} is ${JSON.stringify(got)}, want ${JSON.stringify(wanted)}`);
}

const calls = {
  async empty_unary(client) {
    equal("code", (await client.unary(emptyCall, {})).code, 0);
  },

  async large_unary(client) {
    const payload = { body: new Uint8Array(271828) };
    const { code, message } = await client.unary(unaryCall, { responseSize: 314159, payload });
    equal("code", code, 0);
    equal("size", message.payload.body.length, 314159);
  },

  async server_streaming(client) {
    const sizes = [31415, 9, 2653, 58979];
    const got = [];
    const input = { responseParameters: sizes.map((size) => ({ size })) };
    const { code } = await client.stream(streamingOutputCall, input, (message) => void got.push(message.payload.body.length));
    equal("code", code, 0);
    equal("sizes", got.join(), sizes.join());
  },

  // A message shows as soon as it is there, and not when the call ends.
  async messages_come_one_by_one(client) {
    const got = [];
    const input = { responseParameters: [0, 1, 2].map((n) => ({ size: 100, intervalUs: n ? 200_000 : 0 })) };
    const { code } = await client.stream(streamingOutputCall, input, () => void got.push(performance.now()));
    equal("code", code, 0);
    equal("messages", got.length, 3);
    if (got[2] - got[0] < 200) throw new Error(`all came within ${got[2] - got[0]} ms`);
  },

  async cancelled_stream(client) {
    const input = { responseParameters: Array.from({ length: 1000 }, () => ({ size: 10, intervalUs: 20_000 })) };
    let count = 0;
    const { code } = await client.stream(streamingOutputCall, input, () => (++count === 2 ? "cancel" : undefined));
    equal("code", code, 1);
    if (count > 10) throw new Error(`${count} messages came`);
  },

  async status_code_and_message(client) {
    const responseStatus = { code: 2, message: "test status message" };
    const { code, text } = await client.unary(unaryCall, { responseStatus });
    equal("code", code, 2);
    equal("message", text, "test status message");
    const streamed = await client.stream(streamingOutputCall, { responseParameters: [{ size: 1 }], responseStatus }, () => {});
    equal("code of a stream", streamed.code, 2);
    equal("message of a stream", streamed.text, "test status message");
  },

  async special_status_message(client) {
    const { code, text } = await client.unary(unaryCall, { responseStatus: { code: 2, message: SPECIAL } });
    equal("code", code, 2);
    equal("message", text, SPECIAL);
  },

  async custom_metadata(client) {
    const headers = { "x-grpc-test-echo-initial": "test_initial_metadata_value", "x-grpc-test-echo-trailing-bin": "q6ur" };
    const got = await client.unary(unaryCall, { responseSize: 10 }, { headers });
    equal("code", got.code, 0);
    equal("initial", got.headers.get("x-grpc-test-echo-initial"), "test_initial_metadata_value");
    equal("trailing", got.trailers.get("x-grpc-test-echo-trailing-bin"), "q6ur");
  },

  async unimplemented_method(client) {
    equal("code", (await client.unary(service.method.unimplementedCall, {})).code, 12);
    equal("code", (await client.unary(unimplemented.method.unimplementedCall, {})).code, 12);
  },

  async many_at_once(client) {
    const all = await Promise.all(
      Array.from({ length: 30 }, (_, at) => client.unary(unaryCall, { responseSize: 1000 + at })),
    );
    all.forEach(({ code, message }, at) => {
      equal("code", code, 0);
      equal("size", message.payload.body.length, 1000 + at);
    });
  },
};

/// The name of each call, and the error of those that went wrong.
export async function run(client) {
  const results = [];
  for (const [name, call] of Object.entries(calls)) {
    try {
      await call(client);
      results.push({ name });
    } catch (error) {
      results.push({ name, error: String(error) });
    }
  }
  return results;
}
