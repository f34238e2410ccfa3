// The mark of a forked child that has lost the library's threads.
#ifndef SKEIN_BASE_FORKED_CHILD_H_
#define SKEIN_BASE_FORKED_CHILD_H_

namespace skein {

// Whether this process, or one that it descends from, was forked while a runtime was alive. Such a child has copies of
// the runtime's objects and none of its threads, and uses nothing of the library.
bool IsForkedChild();

// Called in such a child, while it has one thread.
void MarkForkedChild();

}  // namespace skein

#endif  // SKEIN_BASE_FORKED_CHILD_H_
