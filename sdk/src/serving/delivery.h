// Who is told that an event reached the host.
#ifndef SKEIN_SERVING_DELIVERY_H_
#define SKEIN_SERVING_DELIVERY_H_

namespace skein {

// Threads: any.
class Delivery {
 public:
  virtual ~Delivery() = default;

  // A token's event was taken by the host.
  virtual void OnDelivered() noexcept = 0;
};

}  // namespace skein

#endif  // SKEIN_SERVING_DELIVERY_H_
