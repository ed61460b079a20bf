// The service, by its descriptors: no code is generated.
import { create, createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import descriptors from "../testservice/descriptors.bin";

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));

export const service = registry.getService("grpc.testing.TestService");
export const unimplemented = registry.getService("grpc.testing.UnimplementedService");

/// A message of the service, such as `message(service.method.unaryCall.input, {...})`.
export const message = create;
export const encode = toBinary;
export const decode = fromBinary;
