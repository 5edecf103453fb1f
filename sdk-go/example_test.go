package whipper_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// exampleDir is the folder of a supervisor that the examples' calls reach; an application leaves Options empty, or names its own.
func exampleDir() (dir string, stop func()) {
	dir, stop, err := startSupervisor()
	if err != nil {
		log.Fatal(err)
	}
	return dir, stop
}

func ExampleClient_Invoke() {
	dir, stop := exampleDir()
	defer stop()
	ctx := context.Background()

	client, err := whipper.Dial(ctx, whipper.Options{Dir: dir})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	params, err := whipper.Args("Winfred")
	if err != nil {
		log.Fatal(err)
	}
	result, meta, err := client.Invoke(ctx, whipper.InvokeParams{Method: "sayHi", Params: params})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s from worker %s\n", result, meta.Worker)
	// Output: "hi Winfred" from worker w1
}

func ExampleClient_Submit() {
	dir, stop := exampleDir()
	defer stop()
	ctx := context.Background()

	client, err := whipper.Dial(ctx, whipper.Options{Dir: dir})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	params, err := whipper.Args("Ted")
	if err != nil {
		log.Fatal(err)
	}
	submitted, err := client.Submit(ctx, whipper.SubmitParams{
		Method:         "sayHi",
		Params:         params,
		IdempotencyKey: "greet-ted", // submitting it again gives the same id
	})
	if err != nil {
		log.Fatal(err)
	}
	// The job is on disk now, and runs even if this program ends here.
	waited, err := client.Wait(ctx, whipper.WaitParams{IDs: []int64{submitted.ID}, TimeoutMs: 20_000})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s\n", waited.Jobs[0].State, waited.Jobs[0].Result)
	// Output: succeeded: "hi Ted"
}

func ExampleError() {
	dir, stop := exampleDir()
	defer stop()
	ctx := context.Background()

	client, err := whipper.Dial(ctx, whipper.Options{Dir: dir})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	_, meta, err := client.Invoke(ctx, whipper.InvokeParams{Method: "fail"})
	var failed *whipper.Error
	if errors.As(err, &failed) {
		fmt.Printf("%s's %s: %s\n", meta.ErrorSource, failed.Type(), failed.Message)
	}
	// Output: worker's PrinterError: out of paper
}

func ExampleInvoke() {
	dir, stop := exampleDir()
	defer stop()
	ctx := context.Background()

	client, err := whipper.Dial(ctx, whipper.Options{Dir: dir})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	text, err := whipper.Invoke[string](ctx, client, "sayHi", "Winfred")
	fmt.Println(text, err)
	// Output: hi Winfred <nil>
}

func ExampleCallError() {
	dir, stop := exampleDir()
	defer stop()
	ctx := context.Background()

	client, err := whipper.Dial(ctx, whipper.Options{Dir: dir})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	_, _, err = client.Invoke(ctx, whipper.InvokeParams{Method: "hang", TimeoutMs: 10})
	var failed *whipper.CallError
	if errors.As(err, &failed) && errors.Is(err, whipper.ErrTimeout) {
		fmt.Println("worker", failed.Meta.Worker, "took too long")
	}
	// Output: worker w1 took too long
}

func ExampleServe() { // the main of a worker
	err := whipper.Serve(context.Background(), whipper.Methods{
		"add": whipper.Func2(func(_ context.Context, a, b int) (int, error) { return a + b, nil }, "a", "b"),
	})
	if err != nil {
		log.Fatal(err)
	}
}
