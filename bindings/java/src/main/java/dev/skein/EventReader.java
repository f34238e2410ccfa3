package dev.skein;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * The memory that events come in, and the way that they lie there. It is native memory, which the
 * collector frees late: so it is used again, and there is as much as there are threads that take events.
 */
final class EventReader {
  static final int CAPACITY = 64;
  private static final int FIRST_TEXT_BYTES = 4096;

  // Offsets in the order of Native.eventLayout.
  private static final int[] AT = Native.eventLayout();
  private static final int SIZE = AT[0];

  private static final Event.Kind[] KINDS = Event.Kind.values();
  private static final Event.Reason[] REASONS = Event.Reason.values();
  private static final Event.Cache[] CACHES = Event.Cache.values();

  private final ByteBuffer events = ByteBuffer.allocateDirect(CAPACITY * SIZE).order(ByteOrder.nativeOrder());
  private ByteBuffer texts = ByteBuffer.allocateDirect(FIRST_TEXT_BYTES);

  private static final ConcurrentLinkedQueue<EventReader> FREE = new ConcurrentLinkedQueue<>();

  private EventReader() {}

  static EventReader take() {
    EventReader free = FREE.poll();
    return free != null ? free : new EventReader();
  }

  void giveBack() {
    FREE.add(this);
  }

  /** Takes events of a queue and returns their number, which is at most {@code wanted}. */
  int poll(long queue, int wanted) {
    while (true) {
      long count = Native.queuePoll(queue, events, Math.min(wanted, CAPACITY), texts);
      if (count >= 0) return (int) count;
      texts = ByteBuffer.allocateDirect((int) -count);
    }
  }

  long requestOf(int index) {
    return events.getLong(index * SIZE + AT[3]);
  }

  Event event(int index, Request request) {
    int base = index * SIZE;
    byte[] text = new byte[(int) longAt(base, 8)];
    texts.get((int) longAt(base, 7), text);
    return new Event(
        KINDS[intAt(base, 1) - 1],
        REASONS[intAt(base, 2)],
        request,
        longAt(base, 4),
        intAt(base, 5),
        Status.of(intAt(base, 6)),
        text,
        longAt(base, 9),
        longAt(base, 10),
        longAt(base, 11),
        events.getFloat(base + AT[12]),
        intAt(base, 13),
        longAt(base, 14),
        longAt(base, 15),
        longAt(base, 16),
        longAt(base, 17),
        events.getDouble(base + AT[18]),
        CACHES[intAt(base, 19)]);
  }

  private int intAt(int base, int field) {
    return events.getInt(base + AT[field]);
  }

  private long longAt(int base, int field) {
    return events.getLong(base + AT[field]);
  }
}
