// Where in the arena a value stands. First as a heap would do it, step by step; where that leaves
// gaps, also the largest first, each into the smallest gap (Pisarchyk and Lee, "Efficient memory
// management for deep neural net inference", 2020). The better one is taken.
#include <algorithm>
#include <numeric>
#include <utility>

#include "runtime/memory.h"

namespace wengert::runtime {
namespace {

// More of them would take too long to compare each with each.
constexpr size_t kMostCompared = 4000;
// Smaller ones are not worth a host.
constexpr size_t kMinHosted = 4096;
// Gaps are of no account below so many bytes, or below one part in so many of the whole.
constexpr size_t kMinBytes = 1 << 16, kMinPart = 64;

size_t BytesOf(const Lifetime& lifetime) {
  return std::max<size_t>(ArenaLayout::Rounded(lifetime.bytes), 64);
}

// Which lifetimes begin and end at a step.
struct Events {
  std::vector<std::vector<size_t>> begin, end;
  explicit Events(const std::vector<Lifetime>& lifetimes) {
    int steps = 0;
    for (const Lifetime& l : lifetimes) steps = std::max(steps, l.last + 1);
    begin.resize(static_cast<size_t>(steps));
    end.resize(static_cast<size_t>(steps));
    for (size_t i = 0; i < lifetimes.size(); ++i) {
      begin[static_cast<size_t>(lifetimes[i].first)].push_back(i);
      end[static_cast<size_t>(lifetimes[i].last)].push_back(i);
    }
  }
};

size_t PlaceInOrder(const Events& events, std::vector<Lifetime>* lifetimes) {
  ArenaLayout arena;
  for (size_t step = 0; step < events.begin.size(); ++step) {
    for (size_t i : events.begin[step]) {
      (*lifetimes)[i].offset = arena.Allocate((*lifetimes)[i].bytes);
    }
    for (size_t i : events.end[step]) arena.Free((*lifetimes)[i].offset, (*lifetimes)[i].bytes);
  }
  return arena.size();
}

// What is alive at once: no placement takes less.
size_t MostAlive(const Events& events, const std::vector<Lifetime>& lifetimes) {
  size_t alive = 0, most = 0;
  for (size_t step = 0; step < events.begin.size(); ++step) {
    for (size_t i : events.begin[step]) alive = CheckedAdd(alive, BytesOf(lifetimes[i]));
    most = std::max(most, alive);
    for (size_t i : events.end[step]) alive -= BytesOf(lifetimes[i]);
  }
  return most;
}

size_t PlaceLargestFirst(std::vector<Lifetime>* lifetimes) {
  std::vector<size_t> order(lifetimes->size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [lifetimes](size_t a, size_t b) {
    return (*lifetimes)[a].bytes > (*lifetimes)[b].bytes;
  });
  std::vector<const Lifetime*> placed;  // by offset
  size_t size = 0;
  for (size_t i : order) {
    Lifetime& l = (*lifetimes)[i];
    const size_t bytes = BytesOf(l);
    size_t free_from = 0, best = 0, best_gap = 0;
    bool found = false;
    for (const Lifetime* other : placed) {
      if (other->last < l.first || l.last < other->first) continue;
      if (other->offset > free_from) {
        const size_t gap = other->offset - free_from;
        if (gap >= bytes && (!found || gap < best_gap)) {
          found = true;
          best = free_from;
          best_gap = gap;
        }
      }
      free_from = std::max(free_from, other->offset + BytesOf(*other));
    }
    l.offset = found ? best : free_from;
    size = std::max(size, CheckedAdd(l.offset, bytes));
    const auto at = std::upper_bound(
        placed.begin(), placed.end(), &l,
        [](const Lifetime* a, const Lifetime* b) { return a->offset < b->offset; });
    placed.insert(at, &l);
  }
  return size;
}

}  // namespace

std::vector<int> AssignHosts(const std::vector<Lifetime>& lifetimes,
                             const std::vector<Host>& hosts) {
  std::vector<int> host_of(lifetimes.size(), -1);
  if (hosts.size() * lifetimes.size() > kMostCompared * kMostCompared) return host_of;
  std::vector<size_t> by_size(hosts.size());  // and by birth: the tightest first
  std::iota(by_size.begin(), by_size.end(), 0);
  std::stable_sort(by_size.begin(), by_size.end(), [&hosts](size_t a, size_t b) {
    return std::pair(hosts[a].bytes, hosts[a].birth) < std::pair(hosts[b].bytes, hosts[b].birth);
  });
  std::vector<size_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&lifetimes](size_t a, size_t b) {
    const Lifetime &x = lifetimes[a], &y = lifetimes[b];
    return x.bytes != y.bytes ? x.bytes > y.bytes : x.first < y.first;
  });
  std::vector<std::vector<size_t>> guests(hosts.size());
  for (size_t i : order) {
    const Lifetime& l = lifetimes[i];
    if (l.bytes < kMinHosted) break;
    for (size_t h : by_size) {
      if (hosts[h].bytes < l.bytes || hosts[h].birth <= l.last) continue;
      const bool taken = std::any_of(guests[h].begin(), guests[h].end(), [&](size_t other) {
        return lifetimes[other].first <= l.last && l.first <= lifetimes[other].last;
      });
      if (taken) continue;
      guests[h].push_back(i);
      host_of[i] = static_cast<int>(h);
      break;
    }
  }
  return host_of;
}

size_t PlaceLifetimes(std::vector<Lifetime>* lifetimes) {
  const Events events(*lifetimes);
  const size_t size = PlaceInOrder(events, lifetimes);
  const size_t gaps = size - MostAlive(events, *lifetimes);
  if (gaps < kMinBytes || gaps < size / kMinPart || lifetimes->size() > kMostCompared) return size;
  std::vector<Lifetime> other = *lifetimes;
  const size_t other_size = PlaceLargestFirst(&other);
  if (other_size >= size) return size;
  *lifetimes = std::move(other);
  return other_size;
}

}  // namespace wengert::runtime
