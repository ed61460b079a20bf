// The calls for node, whose fetch speaks HTTP/1.1.
export { run } from "./calls.js";
export { connectClient } from "./connect.js";
