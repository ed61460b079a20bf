// The binary form, by @connectrpc/connect-web.
import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { service, unimplemented } from "./service.js";

export function connectClient(baseUrl) {
  const transport = createGrpcWebTransport({ baseUrl, useBinaryFormat: true });
  const clients = { [service.typeName]: createClient(service, transport), [unimplemented.typeName]: createClient(unimplemented, transport) };
  return {
    async unary(method, input, { headers = {}, timeout } = {}) {
      const got = {};
      const options = { headers, timeoutMs: timeout, onHeader: (h) => (got.headers = h), onTrailer: (t) => (got.trailers = t) };
      try {
        got.message = await clients[method.parent.typeName][method.localName](input, options);
      } catch (error) {
        return { ...got, code: error.code, text: error.rawMessage };
      }
      return { ...got, code: 0 };
    },
    async stream(method, input, onMessage) {
      const abort = new AbortController();
      try {
        for await (const message of clients[method.parent.typeName][method.localName](input, { signal: abort.signal })) {
          if (onMessage(message) === "cancel") abort.abort();
        }
      } catch (error) {
        return { code: error.code, text: error.rawMessage };
      }
      return { code: 0 };
    },
  };
}
