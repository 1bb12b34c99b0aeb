#include "tape/graph_lock.h"

#include <mutex>

#include "wengert/tape.h"

namespace wengert {

namespace {

std::shared_ptr<void> LockMutex() {
  static std::recursive_mutex* mutex = new std::recursive_mutex;
  return std::make_shared<std::unique_lock<std::recursive_mutex>>(*mutex);
}

std::function<std::shared_ptr<void>()>& Acquire() {
  static auto* acquire = new std::function<std::shared_ptr<void>()>(LockMutex);
  return *acquire;
}

}  // namespace

void SetGraphLock(std::function<std::shared_ptr<void>()> acquire) {
  Acquire() = acquire ? std::move(acquire) : LockMutex;
}

std::shared_ptr<void> tape::AcquireGraphLock() {
  return Acquire()();
}

}  // namespace wengert
