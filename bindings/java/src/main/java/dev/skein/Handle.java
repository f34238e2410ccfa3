package dev.skein;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;
import java.util.function.LongFunction;
import java.util.function.LongToIntFunction;
import java.util.function.LongUnaryOperator;

/**
 * An object of the library. Closing releases it at once, and may be done any number of times and in any
 * order; the library keeps what is still needed. An object that is not closed is released some time
 * after the garbage collector found it. A call on a closed one is INVALID_HANDLE. Any thread may use it.
 */
public abstract class Handle implements AutoCloseable {
  static final Cleaner CLEANER = Cleaner.create();

  /** What is left when the object is gone. */
  private static final class State implements Runnable {
    final AtomicLong number;
    final LongConsumer release;

    State(long number, LongConsumer release) {
      this.number = new AtomicLong(number);
      this.release = release;
    }

    @Override
    public void run() {
      long last = number.getAndSet(0);
      if (last != 0) release.accept(last);
    }
  }

  private final State state;
  private final Cleaner.Cleanable cleanable;

  Handle(long number, LongConsumer release) {
    state = new State(number, release);
    cleanable = CLEANER.register(this, state);
  }

  /** The library's number of the object; 0 if it is closed. */
  final long number() {
    return state.number.get();
  }

  @Override
  public void close() {
    cleanable.clean();
  }

  // A call with the number keeps the object, which the collector could take during the call otherwise.

  final <T> T call(LongFunction<T> function) {
    try {
      return function.apply(number());
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  final void run(LongConsumer function) {
    try {
      function.accept(number());
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  final long callForLong(LongUnaryOperator function) {
    try {
      return function.applyAsLong(number());
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  final int callForInt(LongToIntFunction function) {
    try {
      return function.applyAsInt(number());
    } finally {
      Reference.reachabilityFence(this);
    }
  }
}
