package dev.skein;

/** Who gets the events of a request that a {@link Dispatcher} runs. The dispatcher's thread calls it. */
interface Listener {
  void accept(Event event);

  /** There is no thread any more that could bring the rest. */
  void fail(SkeinException cause);
}
