package whipper

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// Methods are what a worker serves, by name. Names that begin with "$/" are whipper's own.
type Methods map[string]Method

// Method is a function that a worker serves: made by Func0 to Func4, FuncN, Named or Raw. It runs on a goroutine of its own and may run
// several times at once, up to Server.Concurrency.
type Method struct {
	call func(ctx context.Context, params json.RawMessage) (json.RawMessage, error)
}

// Func0 is a method without params.
func Func0[R any](f func(context.Context) (R, error)) Method {
	return method(func(ctx context.Context, p arguments) (R, error) {
		if err := p.want(nil, 0); err != nil {
			return *new(R), err
		}
		return f(ctx)
	})
}

// Func1 is a method of one param. With a name it may be called by name too. A caller that gives too few or too many params, one of another
// type, or an unknown name gets CodeInvalidParams, which is never retried; that holds for all methods here.
func Func1[A, R any](f func(context.Context, A) (R, error), names ...string) Method {
	checkNames(names, 1)
	return method(func(ctx context.Context, p arguments) (r R, err error) {
		var a A
		if err := p.into(names, &a); err != nil {
			return r, err
		}
		return f(ctx, a)
	})
}

// Func2 is a method of two params. With their names it may be called by name too.
func Func2[A, B, R any](f func(context.Context, A, B) (R, error), names ...string) Method {
	checkNames(names, 2)
	return method(func(ctx context.Context, p arguments) (r R, err error) {
		var a A
		var b B
		if err := p.into(names, &a, &b); err != nil {
			return r, err
		}
		return f(ctx, a, b)
	})
}

// Func3 is a method of three params. With their names it may be called by name too.
func Func3[A, B, C, R any](f func(context.Context, A, B, C) (R, error), names ...string) Method {
	checkNames(names, 3)
	return method(func(ctx context.Context, p arguments) (r R, err error) {
		var a A
		var b B
		var c C
		if err := p.into(names, &a, &b, &c); err != nil {
			return r, err
		}
		return f(ctx, a, b, c)
	})
}

// Func4 is a method of four params. With their names it may be called by name too. One of more is better as Named.
func Func4[A, B, C, D, R any](f func(context.Context, A, B, C, D) (R, error), names ...string) Method {
	checkNames(names, 4)
	return method(func(ctx context.Context, p arguments) (r R, err error) {
		var a A
		var b B
		var c C
		var d D
		if err := p.into(names, &a, &b, &c, &d); err != nil {
			return r, err
		}
		return f(ctx, a, b, c, d)
	})
}

// FuncN is a method of any number of by-position params.
func FuncN[A, R any](f func(context.Context, ...A) (R, error)) Method {
	return method(func(ctx context.Context, p arguments) (r R, err error) {
		if err := p.want(nil, len(p.list)); err != nil {
			return r, err
		}
		all := make([]A, len(p.list))
		for i, raw := range p.list {
			if err := decodeParam(raw, position(i), &all[i]); err != nil {
				return r, err
			}
		}
		return f(ctx, all...)
	})
}

// Named is a method whose params are the members of a struct, called by name, or with one by-position param that is such an object. Members
// that P does not have are CodeInvalidParams; those that the caller leaves out are zero.
func Named[P, R any](f func(context.Context, P) (R, error)) Method {
	return Method{call: func(ctx context.Context, raw json.RawMessage) (json.RawMessage, error) {
		if len(raw) > 0 && raw[0] == '[' {
			p, err := split(raw)
			if err != nil {
				return nil, err
			}
			if err := p.want(nil, 1); err != nil {
				return nil, err
			}
			raw = p.list[0]
		}
		var params P
		if err := jsonrpc.DecodeParams(raw, &params); err != nil {
			return nil, err
		}
		return encoded(f(ctx, params))
	}}
}

// Raw is a method that gets the caller's own bytes, nil where there are none, and gives those of its result, nil for null.
func Raw(f func(ctx context.Context, params json.RawMessage) (json.RawMessage, error)) Method {
	return Method{call: func(ctx context.Context, params json.RawMessage) (json.RawMessage, error) {
		result, err := f(ctx, params)
		if err == nil && result != nil && !json.Valid(result) {
			return nil, Permanent(&resultError{errNotJSON})
		}
		return result, err
	}}
}

// method decodes and encodes around f.
func method[R any](f func(context.Context, arguments) (R, error)) Method {
	return Method{call: func(ctx context.Context, raw json.RawMessage) (json.RawMessage, error) {
		p, err := split(raw)
		if err != nil {
			return nil, err
		}
		return encoded(f(ctx, p))
	}}
}

func encoded[R any](r R, err error) (json.RawMessage, error) {
	if err != nil {
		return nil, err
	}
	raw, err := jsonrpc.Encode(r)
	if err != nil {
		return nil, Permanent(&resultError{err})
	}
	return raw, nil
}

// checkNames panics where there are names, but not one for each param.
func checkNames(names []string, count int) {
	if len(names) > 0 && len(names) != count {
		panic(fmt.Sprintf("whipper: a method of %d params has %d names: %q", count, len(names), names))
	}
}
