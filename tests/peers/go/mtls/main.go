// grpc-go's interop cases with certificates on both sides, which its own interop programs do not know.
//
//	mtls server --port 0 FLAGS                        prints `listening on 127.0.0.1:PORT`
//	mtls client --server_port P --test_case C FLAGS   exits 0, or prints why not and exits 1
//
// FLAGS are --ca_file, --tls_cert_file and --tls_key_file. The server lets nobody in without a certificate of that authority;
// the case `no_certificate` tries.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/interop"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// cases exit with 1 by themselves where they do not pass.
var cases = map[string]func(context.Context, testpb.TestServiceClient, ...grpc.CallOption){
	"empty_unary":                 interop.DoEmptyUnaryCall,
	"large_unary":                 interop.DoLargeUnaryCall,
	"client_streaming":            interop.DoClientStreaming,
	"server_streaming":            interop.DoServerStreaming,
	"ping_pong":                   interop.DoPingPong,
	"empty_stream":                interop.DoEmptyStream,
	"custom_metadata":             interop.DoCustomMetadata,
	"status_code_and_message":     interop.DoStatusCodeAndMessage,
	"special_status_message":      interop.DoSpecialStatusMessage,
	"cancel_after_begin":          interop.DoCancelAfterBegin,
	"cancel_after_first_response": interop.DoCancelAfterFirstResponse,
	"timeout_on_sleeping_server":  interop.DoTimeoutOnSleepingServer,
}

var (
	caFile   = flag.String("ca_file", "", "the authority of the other side's certificate")
	certFile = flag.String("tls_cert_file", "", "our certificate")
	keyFile  = flag.String("tls_key_file", "", "its key")
)

func files() (tls.Certificate, *x509.CertPool, error) {
	pair, err := tls.LoadX509KeyPair(*certFile, *keyFile)
	if err != nil {
		return pair, nil, err
	}
	pem, err := os.ReadFile(*caFile)
	if err != nil {
		return pair, nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return pair, nil, fmt.Errorf("%s: no certificate", *caFile)
	}
	return pair, pool, nil
}

// named lets a call pass whose client has shown a certificate.
func named(ctx context.Context) error {
	from, ok := peer.FromContext(ctx)
	if !ok {
		return status.Error(codes.Internal, "nobody called")
	}
	info, ok := from.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return status.Error(codes.Unauthenticated, "no verified certificate")
	}
	return nil
}

func serve(port int) error {
	pair, pool, err := files()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	fmt.Printf("listening on %v\n", listener.Addr())
	secure := credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{pair},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    pool,
	})
	unary := func(ctx context.Context, in any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if err := named(ctx); err != nil {
			return nil, err
		}
		return next(ctx, in)
	}
	stream := func(service any, it grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		if err := named(it.Context()); err != nil {
			return err
		}
		return next(service, it)
	}
	it := grpc.NewServer(grpc.Creds(secure), grpc.UnaryInterceptor(unary), grpc.StreamInterceptor(stream))
	testpb.RegisterTestServiceServer(it, interop.NewTestServer())
	return it.Serve(listener)
}

func call(port int, name string) error {
	pair, pool, err := files()
	if err != nil {
		return err
	}
	config := &tls.Config{RootCAs: pool, ServerName: "localhost"}
	if name != "no_certificate" {
		config.Certificates = []tls.Certificate{pair}
	}
	target := fmt.Sprintf("127.0.0.1:%d", port)
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	client := testpb.NewTestServiceClient(conn)
	switch name {
	case "no_certificate":
		if _, err := client.EmptyCall(ctx, &testpb.Empty{}); status.Code(err) != codes.Unavailable {
			return fmt.Errorf("without a certificate: %v", err)
		}
		return nil
	case "unimplemented_method":
		interop.DoUnimplementedMethod(ctx, conn)
		return nil
	case "unimplemented_service":
		interop.DoUnimplementedService(ctx, testpb.NewUnimplementedServiceClient(conn))
		return nil
	}
	play, ok := cases[name]
	if !ok {
		return fmt.Errorf("no case %q", name)
	}
	play(ctx, client)
	return nil
}

func main() {
	mode := "none"
	if len(os.Args) > 1 {
		mode = os.Args[1]
		os.Args = append(os.Args[:1], os.Args[2:]...)
	}
	port := flag.Int("port", 0, "where to listen")
	flag.String("server_host", "127.0.0.1", "always this machine")
	serverPort := flag.Int("server_port", 0, "whom to call")
	name := flag.String("test_case", "", "what to play")
	flag.Bool("use_tls", true, "always")
	flag.String("server_host_override", "localhost", "always")
	flag.Parse()
	err := errors.New("usage: mtls server|client FLAGS")
	switch mode {
	case "server":
		err = serve(*port)
	case "client":
		err = call(*serverPort, *name)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
