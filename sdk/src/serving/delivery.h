// The part of a request that is told when the host takes one of its events.
#ifndef SKEIN_SERVING_DELIVERY_H_
#define SKEIN_SERVING_DELIVERY_H_

namespace skein {

// Threads: any.
class Delivery {
 public:
  virtual ~Delivery() = default;

  // The host took the event of a token.
  virtual void OnDelivered() noexcept = 0;
};

}  // namespace skein

#endif  // SKEIN_SERVING_DELIVERY_H_
