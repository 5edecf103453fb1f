// Package matrix holds the three clients and the three workers to one behaviour: each scenario of scenarios.txtar runs with every client against
// every worker, by way of the real supervisor. It has no code outside its tests; client/ and worker/ hold a program for each language.
//
// The workers serve the same methods (see worker/main.go). A client's program speaks with the test in lines of JSON on stdin and stdout, and with
// the supervisor that WHIPPER_SOCKET names. It serves commands side by side, answers each with its id, and ends when stdin does:
//
//	{"id":1,"do":"invoke","method":"add","params":[1,2],"timeoutMs":100,"cancelOn":"progress"}
//	   → {"id":1,"result":3,"progress":[…]}   progress: the values that were told, where there were some; with cancelOn the
//	                                          call is cancelled, in the language's own way, at the first
//	{"id":2,"do":"submit","method":"add","params":{"a":1},"options":{"idempotencyKey":"k","concurrencyKey":"c",
//	"labels":{"a":"b"},"priority":1,"maxAttempts":1,"delayMs":1,"expiresInMs":1,"backoffMs":1}}
//	   → {"id":2,"job":7,"duplicate":false}
//	{"id":3,"do":"wait","job":7}    → {"id":3,"state":"succeeded","attempt":1,"result":3}
//	{"id":4,"do":"cancel","job":7}  → {"id":4,"count":1}
//
// What failed is {"id":1,"error":{"type":"TimeoutError","condition":true,"message":"…","code":1002,"fields":{…}}}, with what the client's own error
// has: the name of its type, whether it is one of whipper's own conditions, and so on. A call that was cancelled by cancelOn has the
// type "cancelled". An error of a job stands beside its state.
//
// In scenarios.txtar, each file is a scenario: lines with > are commands, those with < what must come back, in the commands' order. Members
// that are not named are free, "*" is anything that is there, "$x" is anything the first time and the same from then on, {"$repeat":["x",1000]}
// is a long string. Lines with ! are the test's own: pause and resume the pool; busy waits until the worker has a call;
// job $job {…} looks at the job.
package matrix
