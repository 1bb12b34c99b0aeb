#include "compile/residency.h"

#include <algorithm>
#include <cmath>

#include "compile/program_builder.h"

namespace wengert::compile {

namespace {

// How far the cost of dropping a piece looks.
constexpr size_t kMostLooked = 64;
// A candidate is taken where its key has grown by less since it was computed.
constexpr double kSlack = 1.02;
// Pieces that a repetition waits for go last.
constexpr double kExpectedPenalty = 1e9;

void AddOnce(std::vector<int>* list, int x) {
  if (std::find(list->begin(), list->end(), x) == list->end()) list->push_back(x);
}

}  // namespace

Residency::Residency(const Program& program, const MemoryModel& model, VictimWeights weights)
    : weights_(weights) {
  const size_t n = program.nodes.size();
  reads_.resize(n);
  writes_.resize(n);
  readers_.resize(model.pieces.size());
  pieces_.resize(model.pieces.size());
  repeatable_.assign(n, false);
  cost_.assign(n, 0);
  time_.assign(n + 1, 0);
  for (size_t p = 0; p < pieces_.size(); ++p) {
    pieces_[p].bytes = model.pieces[p].bytes;
    pieces_[p].kept = model.pieces[p].kept;
  }
  for (size_t i = 0; i < n; ++i) {
    const Node& node = program.nodes[i];
    if (model.steps[i].runs) {
      cost_[i] = StepCost(program, node);
      bool plain = true;
      const auto piece = [&](Value v) {
        const int p = model.piece_of[static_cast<size_t>(v.id)];
        plain = plain && model.pieces[static_cast<size_t>(p)].plain;
        return at(p).bytes > 0 ? p : -1;
      };
      for (Value v : node.inputs) {
        if (const int p = piece(v); p >= 0) AddOnce(&reads_[i], p);
      }
      for (Value v : node.outputs) {
        const int p = piece(v);
        if (p < 0) continue;
        writes_[i].push_back(p);
        at(p).def = static_cast<int>(i);
      }
      for (int p : reads_[i]) readers_[static_cast<size_t>(p)].push_back(static_cast<int>(i));
      repeatable_[i] = plain && !model.steps[i].once && !HasEffect(node);
    }
    time_[i + 1] = time_[i] + cost_[i];
  }
}

bool Residency::wanted(int piece) const {
  const Piece& p = at(piece);
  return p.kept || p.expected > 0 || p.next < readers(piece).size();
}

bool Residency::Computable(int piece) const {
  const int node = def(piece);
  return repeatable(node) &&
         std::none_of(reads(node).begin(), reads(node).end(), [this](int q) { return at(q).lost; });
}

bool Residency::droppable(int piece) const {
  const Piece& p = at(piece);
  if (p.kept || p.locks > 0) return false;
  return (p.needs == 0 && !wanted(piece)) || Computable(piece);
}

bool Residency::EndsWith(int piece, int node, bool repetition) const {
  const Piece& p = at(piece);
  if (p.kept || p.locks > 1 || p.expected > (repetition ? 1 : 0)) return false;
  const bool read =
      !readers(piece).empty() && readers(piece).back() > (repetition ? now_ - 1 : node);
  return !read && (p.needs == 0 || Computable(piece));
}

void Residency::Advance(int node) {
  now_ = node;
}

void Residency::FinishReads(int node, bool repetition) {
  for (int p : reads(node)) {
    if (repetition) {
      --at(p).expected;
    } else {
      while (at(p).next < readers(p).size() && readers(p)[at(p).next] <= node) ++at(p).next;
    }
  }
  for (int p : reads(node)) {
    const int before = def(p);
    Release(p);
    if (at(p).resident) Push(p);  // its next read is farther away
    if (wanted(p)) continue;
    for (int q : reads(before)) Release(q);  // was there for p's sake
  }
}

void Residency::Make(int piece) {
  Piece& p = at(piece);
  p.made = p.resident = true;
  live_ += p.bytes;
  if (p.active) Deactivate(piece);
  p.lost = false;
  Push(piece);
}

void Residency::Drop(int piece) {
  Piece& p = at(piece);
  p.resident = false;
  live_ -= p.bytes;
  if (p.needs > 0 || wanted(piece)) {
    Activate(piece);
  } else if (!Computable(piece)) {
    Lose(piece);
  }
}

void Residency::Release(int piece) {
  const Piece& p = at(piece);
  if (!p.resident || wanted(piece) || p.locks > 0) return;
  // What others will be computed from may spare more than it takes: it goes when there is no room.
  if (p.needs > 0 || Distance(piece) >= 0) {
    if (p.key < 0) Push(piece);
    return;
  }
  Drop(piece);
}

void Residency::Activate(int piece) {
  std::vector<int> stack{piece};
  at(piece).active = true;
  while (!stack.empty()) {
    const int p = stack.back();
    stack.pop_back();
    JoinNeighbours(p);
    for (int q : reads(def(p))) {
      ++at(q).needs;
      if (at(q).resident || at(q).active) continue;
      at(q).active = true;
      stack.push_back(q);
    }
  }
}

void Residency::Deactivate(int piece) {
  std::vector<int> stack{piece};
  at(piece).active = false;
  while (!stack.empty()) {
    const int p = stack.back();
    stack.pop_back();
    group_cost_[static_cast<size_t>(FindGroup(at(p).group))] -= cost(def(p));
    for (int q : reads(def(p))) {
      if (--at(q).needs > 0) continue;
      if (at(q).resident) {
        Push(q);
      } else if (at(q).active && !wanted(q)) {
        at(q).active = false;
        stack.push_back(q);
      }
    }
  }
}

// Also what could only have been computed from it.
void Residency::Lose(int piece) {
  std::vector<int> stack{piece};
  at(piece).lost = true;
  while (!stack.empty()) {
    const int p = stack.back();
    stack.pop_back();
    for (int reader : readers(p)) {
      for (int c : writes(reader)) {
        if (!at(c).made || at(c).resident || at(c).lost) continue;
        at(c).lost = true;
        stack.push_back(c);
      }
    }
  }
}

int Residency::FindGroup(int group) {
  while (group_parent_[static_cast<size_t>(group)] != group) {
    int& up = group_parent_[static_cast<size_t>(group)];
    up = group_parent_[static_cast<size_t>(up)];
    group = up;
  }
  return group;
}

void Residency::JoinNeighbours(int piece) {
  Piece& p = at(piece);
  p.group = static_cast<int>(group_parent_.size());
  group_parent_.push_back(p.group);
  group_cost_.push_back(cost(p.def));
  const auto join = [&](int other) {
    if (other == piece || !at(other).active || at(other).group < 0) return;
    const int a = FindGroup(p.group), b = FindGroup(at(other).group);
    if (a == b) return;
    group_parent_[static_cast<size_t>(a)] = b;
    group_cost_[static_cast<size_t>(b)] += group_cost_[static_cast<size_t>(a)];
  };
  for (int q : reads(p.def)) join(q);
  size_t looked = 0;
  for (int reader : readers(piece)) {
    if (++looked > kMostLooked) break;
    for (int c : writes(reader)) join(c);
  }
}

double Residency::Distance(int piece) const {
  const auto until = [this](int p) {
    const std::vector<int>& list = readers(p);
    if (at(p).next >= list.size()) return -1.0;
    return std::max(
        0.0, time_[static_cast<size_t>(list[at(p).next])] - time_[static_cast<size_t>(now_)]);
  };
  double distance = until(piece);
  if (distance >= 0) return distance;
  // Not read itself, but by what may be computed from it.
  size_t looked = 0;
  for (int reader : readers(piece)) {
    if (++looked > kMostLooked) break;
    for (int c : writes(reader)) {
      const double d = until(c);
      if (d >= 0 && (distance < 0 || d < distance)) distance = d;
    }
  }
  return distance;
}

// Of the node itself and of all that would be computed again together with it.
double Residency::CostOfDropping(int piece) {
  double total = 0;
  roots_.clear();
  visit_.assign(1, piece);
  for (size_t i = 0; i < visit_.size(); ++i) {
    const int p = visit_[i];
    total += cost(def(p));
    const auto neighbour = [&](int other) {
      if (other == piece || !at(other).active) return;
      AddOnce(&roots_, FindGroup(at(other).group));
    };
    for (int q : reads(def(p))) {
      if (at(q).resident) continue;
      if (at(q).active) {
        neighbour(q);
      } else if (visit_.size() < kMostLooked) {
        AddOnce(&visit_, q);
      }
    }
    size_t looked = 0;
    for (int reader : readers(p)) {
      if (++looked > kMostLooked) break;
      for (int c : writes(reader)) neighbour(c);
    }
  }
  for (int root : roots_) {
    total += weights_.group * std::max(0.0, group_cost_[static_cast<size_t>(root)]);
  }
  return total;
}

double Residency::Key(int piece) {
  // Square roots, since the results of other powers differ between libraries.
  double time = weights_.roots < 0 ? 1 : std::max(0.0, Distance(piece)) + 1;
  for (int i = 0; i < weights_.roots; ++i) time = std::sqrt(time);
  const double key = CostOfDropping(piece) / (static_cast<double>(at(piece).bytes) * time);
  return at(piece).expected > 0 ? key * kExpectedPenalty : key;
}

void Residency::Push(int piece) {
  at(piece).key = Key(piece);
  queue_.push({at(piece).key, piece});
}

int Residency::FindVictim() {
  std::vector<int> held;
  int victim = -1;
  while (victim < 0 && !queue_.empty()) {
    const Candidate best = queue_.top();
    queue_.pop();
    const Piece& p = at(best.piece);
    if (!p.resident || best.key != p.key) continue;
    if (!droppable(best.piece)) {
      if (p.locks > 0) {
        held.push_back(best.piece);
      } else {
        at(best.piece).key = -1;  // until something changes
      }
      continue;
    }
    const double key = Key(best.piece);
    if (key > best.key * kSlack && !queue_.empty() && key > queue_.top().key) {
      at(best.piece).key = key;
      queue_.push({key, best.piece});
      continue;
    }
    victim = best.piece;
  }
  for (int piece : held) queue_.push({at(piece).key, piece});
  return victim;
}

}  // namespace wengert::compile
