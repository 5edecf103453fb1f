// Collector takes what OpenTelemetry sends by gRPC and keeps nothing of it. It prints its address, and when its stdin ends the number of spans that came.
//
// It shares the machine with what is measured, as few collectors do that have much to take: so it counts spans in the bytes that came and decodes nothing.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "collector:", err)
		os.Exit(1)
	}
}

func run() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var spans atomic.Int64
	server := grpc.NewServer(grpc.ForceServerCodecV2(undecoded{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		var request []byte
		if err := stream.RecvMsg(&request); err != nil {
			return err
		}
		if method, _ := grpc.MethodFromServerStream(stream); method == "/opentelemetry.proto.collector.trace.v1.TraceService/Export" {
			const resourceSpans, scopeSpans, span = 1, 2, 2
			n, err := count(request, resourceSpans, scopeSpans, span)
			if err != nil {
				return err
			}
			spans.Add(n)
		}
		return stream.SendMsg(nil) // all has been taken
	}))
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	fmt.Println(listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // ends when whoever measures wants the number, or has gone
	server.Stop()
	fmt.Println(spans.Load())
	return <-ended
}

// count is how many messages there are at a path of fields.
func count(message []byte, path ...protowire.Number) (n int64, err error) {
	for len(message) > 0 {
		field, kind, head := protowire.ConsumeTag(message)
		if head < 0 {
			return 0, protowire.ParseError(head)
		}
		size := protowire.ConsumeFieldValue(field, kind, message[head:])
		if size < 0 {
			return 0, protowire.ParseError(size)
		}
		value := message[head : head+size]
		message = message[head+size:]
		switch {
		case field != path[0] || kind != protowire.BytesType:
		case len(path) == 1:
			n++
		default:
			inner, _ := protowire.ConsumeBytes(value)
			deeper, err := count(inner, path[1:]...)
			if err != nil {
				return 0, err
			}
			n += deeper
		}
	}
	return n, nil
}

// undecoded is a codec that gives messages as they came, and sends empty ones.
type undecoded struct{}

func (undecoded) Name() string { return "proto" }

func (undecoded) Marshal(any) (mem.BufferSlice, error) { return nil, nil }

func (undecoded) Unmarshal(data mem.BufferSlice, message any) error {
	*message.(*[]byte) = data.Materialize()
	return nil
}
