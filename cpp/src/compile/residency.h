// Residency: which pieces of memory hold their values at a point of a schedule, which of those
// that do not will have to be computed again, and what dropping one would cost.
#pragma once

#include <queue>
#include <vector>

#include "compile/rematerialize.h"

namespace wengert::compile {

// How victims are weighed. The best weights depend on the program and the budget.
struct VictimWeights {
  double group;  // of the cost of what would have to be computed together with the victim
  int roots;     // square roots taken of the time until it is read; -1: the time does not count
};

class Residency {
 public:
  Residency(const Program& program, const MemoryModel& model, VictimWeights weights);

  // --- the program as pieces; nodes are those that run ---------------------------------------
  const std::vector<int>& reads(int node) const { return reads_[static_cast<size_t>(node)]; }
  const std::vector<int>& writes(int node) const { return writes_[static_cast<size_t>(node)]; }
  int def(int piece) const { return at(piece).def; }
  size_t bytes(int piece) const { return at(piece).bytes; }
  double cost(int node) const { return cost_[static_cast<size_t>(node)]; }
  double total_cost() const { return time_.back(); }

  // --- state ---------------------------------------------------------------------------------
  bool resident(int piece) const { return at(piece).resident; }
  size_t live() const { return live_; }
  // Whether its value is read again, by a later node or by one that waits to be repeated.
  bool wanted(int piece) const;
  // Whether nothing reads it after `node`, which reads it now.
  bool EndsWith(int piece, int node, bool repetition) const;
  // Whether it holds what anything can need.
  bool useful(int piece) const { return wanted(piece) || at(piece).needs > 0; }
  // Whether it may be dropped: whatever needs it again can have it computed again.
  bool droppable(int piece) const;
  // The schedule has come to `node` of the program.
  void Advance(int node);
  // The reads of `node`, which is the next of the program or a repetition, are over.
  void FinishReads(int node, bool repetition);
  void Expect(int piece, int n) { at(piece).expected += n; }  // reads of repetitions to come
  void Lock(int piece, int n) { at(piece).locks += n; }       // stays while locked
  void Make(int piece);
  void Drop(int piece);
  // Drops it where nothing can need it.
  void Release(int piece);
  // The resident piece that is best dropped; -1: none can be.
  int FindVictim();

 private:
  struct Piece {
    int def = -1;
    size_t bytes = 0;
    bool kept = false;
    bool made = false, resident = false;
    bool lost = false;    // neither resident nor to be computed again
    bool active = false;  // not resident, and needed to compute what will be read
    int needs = 0;        // active pieces computed from it
    int expected = 0, locks = 0;
    size_t next = 0;  // of its readers
    double key = -1;  // in the queue
    int group = -1;   // of active pieces, where it is one
  };
  struct Candidate {
    double key;
    int piece;
    bool operator>(const Candidate& o) const {
      return key != o.key ? key > o.key : piece > o.piece;
    }
  };

  Piece& at(int piece) { return pieces_[static_cast<size_t>(piece)]; }
  const Piece& at(int piece) const { return pieces_[static_cast<size_t>(piece)]; }
  const std::vector<int>& readers(int piece) const { return readers_[static_cast<size_t>(piece)]; }
  bool repeatable(int node) const { return repeatable_[static_cast<size_t>(node)]; }
  bool Computable(int piece) const;
  void Activate(int piece);
  void Deactivate(int piece);
  void Lose(int piece);
  int FindGroup(int group);
  void JoinNeighbours(int piece);
  // Nanoseconds until it is read; negative: never.
  double Distance(int piece) const;
  double CostOfDropping(int piece);
  double Key(int piece);
  void Push(int piece);

  std::vector<std::vector<int>> reads_, writes_;  // by node, each piece once
  std::vector<std::vector<int>> readers_;         // by piece: nodes, ascending
  std::vector<Piece> pieces_;
  std::vector<bool> repeatable_;
  std::vector<double> cost_, time_;  // by node; time_ has one more
  const VictimWeights weights_;
  int now_ = 0;
  size_t live_ = 0;
  // Groups of active pieces that depend on each other: they are computed again together.
  std::vector<int> group_parent_;
  std::vector<double> group_cost_;
  std::vector<int> roots_, visit_;  // scratch
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<Candidate>> queue_;
};

}  // namespace wengert::compile
