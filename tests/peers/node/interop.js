"use strict";
// The gRPC interop cases over @grpc/grpc-js, as a server and as a client.
//
//   interop.js server --port 0                        prints `listening on 127.0.0.1:PORT`
//   interop.js client --server_port P --test_case C   exits 0, or prints why not and exits 1
//
// The server prints one line per finished call, `call METHOD CODE IN OUT BYTES` (messages in and out, payload bytes
// in), so that a test of a client can also look at what arrived here.

const assert = require("node:assert/strict");
const path = require("node:path");
const { once } = require("node:events");
const { setTimeout: sleep } = require("node:timers/promises");
const { parseArgs } = require("node:util");
const grpc = require("@grpc/grpc-js");
const protoLoader = require("@grpc/proto-loader");

const proto = grpc.loadPackageDefinition(
  protoLoader.loadSync("grpc/testing/test.proto", {
    includeDirs: [path.join(__dirname, "../proto")],
    keepCase: true,
    enums: String,
    defaults: true,
  }),
).grpc.testing;

const INITIAL = "x-grpc-test-echo-initial";
const TRAILING = "x-grpc-test-echo-trailing-bin";
const REQUESTS = [27182, 8, 1828, 45904];
const REPLIES = [31415, 9, 2653, 58979];
// Far above what a healthy case needs and below the runner's own limit, so that a hang is named here.
const DEADLINE_MS = 20_000;

const payload = (size) => ({ type: "COMPRESSABLE", body: Buffer.alloc(size) });

// --- server

/** Counts one call and prints its line once, at the first of: status sent, cancelled. */
class Seen {
  constructor(method, call) {
    Object.assign(this, { method, call, requests: 0, replies: 0, bytes: 0, open: true });
    call.on("cancelled", () => this.end(grpc.status.CANCELLED));
  }

  take(request) {
    this.requests += 1;
    this.bytes += request.payload?.body.length ?? 0;
  }

  end(code) {
    if (!this.open) return;
    this.open = false;
    console.log("call", this.method, code, this.requests, this.replies, this.bytes);
  }
}

/** Sends the initial echo now; returns the trailing metadata for the end. */
function echoMetadata(call) {
  const trailer = new grpc.Metadata();
  const [initial] = call.metadata.get(INITIAL);
  const [trailing] = call.metadata.get(TRAILING);
  if (initial !== undefined) {
    const header = new grpc.Metadata();
    header.set(INITIAL, initial);
    call.sendMetadata(header);
  }
  if (trailing !== undefined) trailer.set(TRAILING, trailing);
  return trailer;
}

/** The requests, until the half-close or a cancellation. Leaves the replies' side open, unlike plain iteration. */
async function* requests(call) {
  yield* call.iterator({ destroyOnReturn: false });
  // A cancelled request stream ends like a finished one; the cancellation itself arrives a little later.
  await sleep(50);
}

/** A handler with one reply: `body(call, seen)` resolves to it, or throws `{code, details}`. */
function oneReply(method, body) {
  return async (call, callback) => {
    const seen = new Seen(method, call);
    const metadata = echoMetadata(call);
    try {
      const reply = await body(call, seen);
      if (call.cancelled) return seen.end(grpc.status.CANCELLED);
      seen.replies += 1;
      seen.end(grpc.status.OK);
      callback(null, reply, metadata);
    } catch (error) {
      seen.end(error.code);
      callback({ ...error, metadata });
    }
  };
}

/** A handler with a reply stream: `body(call, seen)` writes it, or throws `{code, details}`. */
function manyReplies(method, body) {
  return async (call) => {
    const seen = new Seen(method, call);
    const metadata = echoMetadata(call);
    try {
      await body(call, seen);
      if (call.cancelled) return seen.end(grpc.status.CANCELLED);
      seen.end(grpc.status.OK);
      call.end(metadata);
    } catch (error) {
      seen.end(error.code);
      call.emit("error", { ...error, metadata });
    }
  };
}

function echoStatus({ response_status: wanted }) {
  if (wanted?.code) throw { code: wanted.code, details: wanted.message };
}

async function replyTo(request, call, seen) {
  for (const { size, interval_us } of request.response_parameters) {
    if (interval_us > 0) await sleep(interval_us / 1000);
    call.write({ payload: payload(size) });
    seen.replies += 1;
  }
}

const handlers = {
  EmptyCall: oneReply("EmptyCall", async (call, seen) => {
    seen.take(call.request);
    return {};
  }),
  UnaryCall: oneReply("UnaryCall", async (call, seen) => {
    seen.take(call.request);
    echoStatus(call.request);
    return { payload: payload(call.request.response_size) };
  }),
  StreamingInputCall: oneReply("StreamingInputCall", async (call, seen) => {
    for await (const request of requests(call)) seen.take(request);
    return { aggregated_payload_size: seen.bytes };
  }),
  StreamingOutputCall: manyReplies("StreamingOutputCall", async (call, seen) => {
    seen.take(call.request);
    await replyTo(call.request, call, seen);
    echoStatus(call.request);
  }),
  FullDuplexCall: manyReplies("FullDuplexCall", async (call, seen) => {
    for await (const request of requests(call)) {
      seen.take(request);
      await replyTo(request, call, seen);
      echoStatus(request);
    }
  }),
};

function serve(port) {
  const server = new grpc.Server();
  server.addService(proto.TestService.service, handlers);
  server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, bound) => {
    if (error) throw error;
    console.log(`listening on 127.0.0.1:${bound}`);
  });
}

// --- client

const deadline = () => ({ deadline: Date.now() + DEADLINE_MS });

/** Runs a unary call; resolves to reply, error (null if OK), initial metadata and final status. */
function unary(client, method, request, metadata = new grpc.Metadata()) {
  return new Promise((resolve) => {
    const result = {};
    // The callback and the status come in no documented order.
    const finish = (part) => {
      Object.assign(result, part);
      if ("error" in result && "status" in result) resolve(result);
    };
    const call = client[method](request, metadata, deadline(), (error, reply) => finish({ error, reply }));
    call.on("metadata", (initial) => finish({ initial }));
    call.on("status", (status) => finish({ status }));
  });
}

/** A call with a reply stream, read one at a time with `next`. */
class Stream {
  constructor(call) {
    this.call = call;
    this.initial = once(call, "metadata").then(([initial]) => initial);
    this.initial.catch(() => {}); // a call may end without any
    this.status = new Promise((resolve) => call.on("status", resolve));
    call.on("error", () => {}); // the same as `status`
    this.replies = call[Symbol.asyncIterator]();
  }

  async next() {
    const { value, done } = await this.replies.next();
    assert(!done, "a reply is missing");
    return value;
  }

  /** Asserts that no reply is left, and how the call ends. */
  async ends(code, details) {
    try {
      const { done } = await this.replies.next();
      assert(done, "one reply too many");
    } catch (error) {
      if (error.code !== code) throw error;
    }
    checkStatus(await this.status, code, details);
  }
}

function checkPayload(reply, size) {
  assert.equal(reply.payload.type, "COMPRESSABLE");
  assert.equal(reply.payload.body.length, size);
  assert(reply.payload.body.every((byte) => byte === 0), "a payload byte is not zero");
}

function checkStatus(status, code, details) {
  assert.equal(status.code, code, `status ${status.code} ${status.details}`);
  if (details !== undefined) assert.equal(status.details, details);
}

const outputRequest = (size, ...replies) => ({
  response_parameters: replies.map((size) => ({ size })),
  payload: payload(size),
});
const largeRequest = () => ({ response_size: 314159, payload: payload(271828) });

const cases = {
  async empty_unary(client) {
    const { reply, status } = await unary(client, "EmptyCall", {});
    checkStatus(status, grpc.status.OK);
    assert.deepEqual({ ...reply }, {});
  },

  async large_unary(client) {
    const { reply, status } = await unary(client, "UnaryCall", largeRequest());
    checkStatus(status, grpc.status.OK);
    checkPayload(reply, 314159);
  },

  async client_streaming(client) {
    const reply = await new Promise((resolve, reject) => {
      const call = client.StreamingInputCall(deadline(), (error, reply) => (error ? reject(error) : resolve(reply)));
      for (const size of REQUESTS) call.write({ payload: payload(size) });
      call.end();
    });
    assert.equal(reply.aggregated_payload_size, 74922);
  },

  async server_streaming(client) {
    const request = { response_parameters: REPLIES.map((size) => ({ size })) };
    const stream = new Stream(client.StreamingOutputCall(request, deadline()));
    for (const size of REPLIES) checkPayload(await stream.next(), size);
    await stream.ends(grpc.status.OK);
  },

  async ping_pong(client) {
    const stream = new Stream(client.FullDuplexCall(deadline()));
    for (const [i, size] of REQUESTS.entries()) {
      stream.call.write(outputRequest(size, REPLIES[i]));
      checkPayload(await stream.next(), REPLIES[i]);
    }
    stream.call.end();
    await stream.ends(grpc.status.OK);
  },

  async empty_stream(client) {
    const stream = new Stream(client.FullDuplexCall(deadline()));
    stream.call.end();
    await stream.ends(grpc.status.OK);
  },

  async custom_metadata(client) {
    const metadata = new grpc.Metadata();
    metadata.set(INITIAL, "test_initial_metadata_value");
    metadata.set(TRAILING, Buffer.from("ababab", "hex"));
    const check = (initial, status) => {
      checkStatus(status, grpc.status.OK);
      assert.deepEqual(initial.get(INITIAL), ["test_initial_metadata_value"]);
      assert.deepEqual(status.metadata.get(TRAILING), [Buffer.from("ababab", "hex")]);
    };
    const { reply, initial, status } = await unary(client, "UnaryCall", largeRequest(), metadata);
    checkPayload(reply, 314159);
    check(initial, status);
    const stream = new Stream(client.FullDuplexCall(metadata, deadline()));
    stream.call.end(outputRequest(271828, 314159));
    checkPayload(await stream.next(), 314159);
    await stream.ends(grpc.status.OK);
    check(await stream.initial, await stream.status);
  },

  async status_code_and_message(client) {
    const response_status = { code: 2, message: "test status message" };
    const { status } = await unary(client, "UnaryCall", { response_status });
    checkStatus(status, grpc.status.UNKNOWN, response_status.message);
    const stream = new Stream(client.FullDuplexCall(deadline()));
    stream.call.end({ response_status });
    await stream.ends(grpc.status.UNKNOWN, response_status.message);
  },

  async special_status_message(client) {
    const message = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n";
    const { status } = await unary(client, "UnaryCall", { response_status: { code: 2, message } });
    checkStatus(status, grpc.status.UNKNOWN, message);
  },

  async unimplemented_method(client) {
    const { status } = await unary(client, "UnimplementedCall", {});
    checkStatus(status, grpc.status.UNIMPLEMENTED);
  },

  async unimplemented_service(_, connect) {
    const { status } = await unary(connect(proto.UnimplementedService), "UnimplementedCall", {});
    checkStatus(status, grpc.status.UNIMPLEMENTED);
  },

  async cancel_after_begin(client) {
    const code = await new Promise((resolve) => {
      const call = client.StreamingInputCall(deadline(), (error) => resolve(error?.code ?? grpc.status.OK));
      call.cancel();
    });
    assert.equal(code, grpc.status.CANCELLED);
  },

  async cancel_after_first_response(client) {
    const stream = new Stream(client.FullDuplexCall(deadline()));
    stream.call.write(outputRequest(27182, 31415));
    checkPayload(await stream.next(), 31415);
    stream.call.cancel();
    await stream.ends(grpc.status.CANCELLED);
  },

  async timeout_on_sleeping_server(client) {
    const stream = new Stream(client.FullDuplexCall({ deadline: Date.now() + 1 }));
    stream.call.write({ payload: payload(27182) });
    await stream.ends(grpc.status.DEADLINE_EXCEEDED);
  },

  // grpc-js compresses channels, not messages, and does not show whether a message came compressed: the cases are as far
  // as that goes. A message that was compressed and is read here was decompressed.

  async client_compressed_unary(client, connect) {
    const gzip = { "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip };
    const compressing = connect(proto.TestService, gzip);
    const request = (value) => ({ ...largeRequest(), expect_compressed: { value } });
    checkStatus((await unary(client, "UnaryCall", request(true))).status, grpc.status.INVALID_ARGUMENT);
    for (const [by, value] of [[compressing, true], [client, false]]) {
      const { reply, status } = await unary(by, "UnaryCall", request(value));
      checkStatus(status, grpc.status.OK);
      checkPayload(reply, 314159);
    }
  },

  async server_compressed_unary(client) {
    for (const value of [true, false]) {
      const { reply, status } = await unary(client, "UnaryCall", { ...largeRequest(), response_compressed: { value } });
      checkStatus(status, grpc.status.OK);
      checkPayload(reply, 314159);
    }
  },

  async server_compressed_streaming(client) {
    const response_parameters = [
      { size: 31415, compressed: { value: true } },
      { size: 92653, compressed: { value: false } },
    ];
    const stream = new Stream(client.StreamingOutputCall({ response_parameters }, deadline()));
    for (const { size } of response_parameters) checkPayload(await stream.next(), size);
    await stream.ends(grpc.status.OK);
  },
};

async function runCase(address, name) {
  const clients = [];
  const connect = (Service, options) => {
    clients.push(new Service(address, grpc.credentials.createInsecure(), options));
    return clients.at(-1);
  };
  try {
    await cases[name](connect(proto.TestService), connect);
  } catch (error) {
    console.error(`${name}: ${error.message}`);
    process.exitCode = 1;
  } finally {
    for (const client of clients) client.close();
  }
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      port: { type: "string", default: "0" },
      server_host: { type: "string", default: "127.0.0.1" },
      server_port: { type: "string" },
      test_case: { type: "string" },
    },
  });
  if (positionals[0] === "server") return serve(values.port);
  if (positionals[0] === "client" && values.server_port && values.test_case in cases) {
    return runCase(`${values.server_host}:${values.server_port}`, values.test_case);
  }
  console.error("usage: interop.js server --port N | client --server_port N --test_case CASE");
  process.exitCode = 2;
}

main();
