// The text form, by grpc-web.
import { GrpcWebClientBase, MethodDescriptor, MethodType } from "grpc-web";
import { decode, encode, message } from "./service.js";

export function textClient(base) {
  const client = new GrpcWebClientBase({ format: "text" });
  const descriptor = (method, type) =>
    new MethodDescriptor(
      `/${method.parent.typeName}/${method.name}`,
      type,
      Object,
      Object,
      (input) => encode(method.input, input),
      (octets) => decode(method.output, octets),
    );
  const call = (method, type, input, headers, act) => {
    const about = descriptor(method, type);
    return act(base + about.getName(), message(method.input, input), headers, about);
  };
  return {
    unary(method, input, { headers = {}, timeout } = {}) {
      const deadline = timeout ? { deadline: String(Date.now() + timeout) } : {};
      return call(method, MethodType.UNARY, input, { ...headers, ...deadline }, (...all) => {
        return new Promise((resolve) => {
          const got = {};
          const stream = client.rpcCall(...all, (error, message) => {
            Object.assign(got, error ? { code: error.code, text: error.message } : { code: 0, message });
            // What comes behind is metadata and status, in the same turn of the loop.
            setTimeout(() => resolve(got), 20);
          });
          stream.on("metadata", (headers) => (got.headers = new Map(Object.entries(headers))));
          stream.on("status", (status) => (got.trailers = new Map(Object.entries(status.metadata ?? {}))));
        });
      });
    },
    stream(method, input, onMessage) {
      return call(method, MethodType.SERVER_STREAMING, input, {}, (...all) => {
        return new Promise((resolve) => {
          const stream = client.serverStreaming(...all);
          stream.on("data", (message) => {
            if (onMessage(message) === "cancel") {
              stream.cancel();
              resolve({ code: 1 });
            }
          });
          stream.on("error", (error) => resolve({ code: error.code, text: error.message }));
          stream.on("end", () => resolve({ code: 0 }));
        });
      });
    },
  };
}
