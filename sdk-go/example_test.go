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

	client, err := whipper.Connect(ctx, whipper.Options{Dir: dir})
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

	client, err := whipper.Connect(ctx, whipper.Options{Dir: dir})
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

	client, err := whipper.Connect(ctx, whipper.Options{Dir: dir})
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
