#pragma once

#include <memory>

namespace wengert::tape {

// Holds the lock of SetGraphLock while it lives. No mutex of the tapes may be held already.
std::shared_ptr<void> AcquireGraphLock();

}  // namespace wengert::tape
