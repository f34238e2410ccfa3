package skein

import "context"

// await runs a call of the ABI that waits. If ctx ends first, it returns ctx's error at once, and the
// call goes on behind its back: the ABI cannot interrupt it. A value that nobody waits for any more goes
// to discard, which may be nil.
func await[T any](ctx context.Context, run func() (T, error), discard func(T)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if ctx.Done() == nil {
		return run()
	}
	done := make(chan outcome[T])
	go func() {
		value, err := run()
		select {
		case done <- outcome[T]{value, err}:
		case <-ctx.Done():
			if err == nil && discard != nil {
				discard(value)
			}
		}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

type outcome[T any] struct {
	value T
	err   error
}

// awaitNothing is await for a call that gives nothing but its error.
func awaitNothing(ctx context.Context, run func() error) error {
	_, err := await(ctx, func() (struct{}, error) { return struct{}{}, run() }, nil)
	return err
}
