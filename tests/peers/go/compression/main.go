// The two interop cases of compressed unary calls over grpc-go, whose own interop programs leave them out.
//
//	compression server --port 0                        prints `listening on 127.0.0.1:PORT`
//	compression client --server_port P --test_case C   exits 0, or prints why not and exits 1
//
// grpc-go compresses calls, not messages, so the streaming cases have no place here. Whether a message was compressed is
// seen by a stats handler: the payloads are zeros, so that a compressed one is shorter on the wire.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/gzip"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

const (
	largeRequest  = 271828
	largeResponse = 314159
)

type seenKey struct{}

// seen is what came in on one call.
type seen struct{ compressed bool }

type watcher struct{}

func (watcher) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	if _, ok := ctx.Value(seenKey{}).(*seen); ok {
		return ctx
	}
	return context.WithValue(ctx, seenKey{}, &seen{})
}

func (watcher) HandleRPC(ctx context.Context, event stats.RPCStats) {
	if payload, ok := event.(*stats.InPayload); ok {
		ctx.Value(seenKey{}).(*seen).compressed = payload.CompressedLength < payload.Length
	}
}

func (watcher) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (watcher) HandleConn(context.Context, stats.ConnStats)                       {}

type server struct {
	testpb.UnimplementedTestServiceServer
}

func (server) UnaryCall(ctx context.Context, request *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	got := ctx.Value(seenKey{}).(*seen).compressed
	if expected := request.GetExpectCompressed(); expected != nil && expected.GetValue() != got {
		return nil, status.Errorf(codes.InvalidArgument, "compressed: %v", got)
	}
	coding := encoding.Identity
	if request.GetResponseCompressed().GetValue() {
		coding = gzip.Name
	}
	if err := grpc.SetSendCompressor(ctx, coding); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	body := make([]byte, request.GetResponseSize())
	return &testpb.SimpleResponse{Payload: &testpb.Payload{Body: body}}, nil
}

func serve(port int) error {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	fmt.Printf("listening on %v\n", listener.Addr())
	it := grpc.NewServer(grpc.StatsHandler(watcher{}))
	testpb.RegisterTestServiceServer(it, server{})
	return it.Serve(listener)
}

// call returns whether the response was compressed.
func call(client testpb.TestServiceClient, coding string, request *testpb.SimpleRequest) (bool, error) {
	request.ResponseSize = largeResponse
	request.Payload = &testpb.Payload{Body: make([]byte, largeRequest)}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	got := &seen{}
	ctx = context.WithValue(ctx, seenKey{}, got)
	response, err := client.UnaryCall(ctx, request, grpc.UseCompressor(coding))
	if err == nil && len(response.GetPayload().GetBody()) != largeResponse {
		err = fmt.Errorf("%d octets", len(response.GetPayload().GetBody()))
	}
	return got.compressed, err
}

func clientCompressedUnary(client testpb.TestServiceClient) error {
	yes, no := &testpb.BoolValue{Value: true}, &testpb.BoolValue{}
	_, err := call(client, encoding.Identity, &testpb.SimpleRequest{ExpectCompressed: yes})
	if status.Code(err) != codes.InvalidArgument {
		return fmt.Errorf("a request that should have been compressed: %v", err)
	}
	if _, err := call(client, gzip.Name, &testpb.SimpleRequest{ExpectCompressed: yes}); err != nil {
		return fmt.Errorf("compressed: %w", err)
	}
	_, err = call(client, encoding.Identity, &testpb.SimpleRequest{ExpectCompressed: no})
	return err
}

func serverCompressedUnary(client testpb.TestServiceClient) error {
	for _, want := range []bool{true, false} {
		request := &testpb.SimpleRequest{ResponseCompressed: &testpb.BoolValue{Value: want}}
		got, err := call(client, encoding.Identity, request)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("compressed: got %v, want %v", got, want)
		}
	}
	return nil
}

func run(arguments []string) error {
	flags := flag.NewFlagSet("compression", flag.ContinueOnError)
	port := flags.Int("port", 0, "where to listen")
	host := flags.String("server_host", "127.0.0.1", "the server's host")
	serverPort := flags.Int("server_port", 0, "the server's port")
	name := flags.String("test_case", "", "what to do")
	if len(arguments) < 2 {
		return fmt.Errorf("server or client?")
	}
	if err := flags.Parse(arguments[2:]); err != nil {
		return err
	}
	if arguments[1] == "server" {
		return serve(*port)
	}
	connection, err := grpc.NewClient(fmt.Sprintf("%s:%d", *host, *serverPort),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithStatsHandler(watcher{}))
	if err != nil {
		return err
	}
	defer connection.Close()
	client := testpb.NewTestServiceClient(connection)
	switch *name {
	case "client_compressed_unary":
		return clientCompressedUnary(client)
	case "server_compressed_unary":
		return serverCompressedUnary(client)
	}
	return fmt.Errorf("no case %q", *name)
}

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
