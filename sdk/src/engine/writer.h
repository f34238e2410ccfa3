// The writer of a stream, as the stream knows it.
#ifndef SKEIN_ENGINE_WRITER_H_
#define SKEIN_ENGINE_WRITER_H_

namespace skein {

// Threads: any.
class Writer {
 public:
  virtual ~Writer() = default;

  // Asks the writer to end, because its stream was released. Never waits.
  virtual void Cancel() = 0;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_WRITER_H_
