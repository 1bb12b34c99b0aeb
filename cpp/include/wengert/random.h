// Streams of random numbers of stateful ops.
#pragma once

namespace wengert {

// All streams begin anew, as after a change of the global seed.
void RestartRandomStreams();

}  // namespace wengert
