// Encodes the few x86-64 instructions that generated element-wise code consists of: AVX on 256-bit
// registers (VEX prefix), and what a loop needs. Intel 64 and IA-32 Architectures Software
// Developer's Manual, volume 2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace wengert::runtime {

// General registers by their numbers in the encoding.
enum class Gpr : uint8_t { kRax, kRcx, kRdx, kRbx, kRsp, kRbp, kRsi, kRdi, kR8, kR9, kR10, kR11 };
// A vector register, 0 .. 15.
using Ymm = uint8_t;

class X86Assembler {
 public:
  // Appends to `code`. `wide`: vectors hold float64, else float32.
  X86Assembler(std::vector<uint8_t>& code, bool wide) : code_(code), wide_(wide) {}

  // --- vectors: dst = f(a, b), each element on its own ---
  enum class Op : uint8_t {
    kSqrt = 0x51,  // of b; a is ignored
    kAnd = 0x54,
    kAndNot = 0x55,  // not a and b
    kXor = 0x57,
    kAdd = 0x58,
    kMul = 0x59,
    kSub = 0x5c,
    kDiv = 0x5e,
  };
  void Vector(Op op, Ymm dst, Ymm a, Ymm b);
  enum class Compare : uint8_t {  // predicates of vcmpps
    kEqual = 0x00,
    kUnordered = 0x03,
    kNotEqual = 0x04,
    kLess = 0x11,  // quiet, as the two below
    kLessEqual = 0x12,
    kGreaterEqual = 0x1d,
    kGreater = 0x1e,
  };
  void VectorCompare(Compare predicate, Ymm dst, Ymm a, Ymm b);
  // dst = mask ? yes : no, by the sign bit of each element of the mask.
  void Blend(Ymm dst, Ymm no, Ymm yes, Ymm mask);
  enum class Rounding : uint8_t { kNearest = 8, kDown = 9, kUp = 10, kTowardsZero = 11 };
  void Round(Rounding mode, Ymm dst, Ymm x);

  // --- vectors and memory ---
  void Load(Ymm dst, Gpr base, Gpr index);
  void Store(Gpr base, Gpr index, Ymm src);
  // Elements whose mask has the sign bit set; others are read as zero, and not written.
  void LoadMasked(Ymm dst, Ymm mask, Gpr base, Gpr index);
  void StoreMasked(Gpr base, Gpr index, Ymm mask, Ymm src);
  void Broadcast(Ymm dst, Gpr base);  // of the element at `base`
  // A constant of all elements, kept behind the code (Finish).
  void BroadcastConstant(Ymm dst, uint64_t bits);

  // --- the loop ---
  void LoadPointer(Gpr dst, Gpr base, int32_t offset);  // dst = *(base + offset)
  void Clear(Gpr dst);
  void Add(Gpr dst, int32_t value);
  void Add(Gpr dst, Gpr value);
  void Subtract(Gpr dst, Gpr value);
  void ShiftLeft(Gpr dst, uint8_t by);
  void Push(Gpr r);
  void Pop(Gpr r);
  // dst = address of 8 all-ones dwords followed by 8 zero ones.
  void MaskTable(Gpr dst);
  // dst = a - b.
  void Difference(Gpr dst, Gpr a, Gpr b);
  // Set flags for jumps: a (condition) b.
  void CompareWith(Gpr a, Gpr b);
  void Compare32(Gpr a, int32_t value);
  enum class Condition : uint8_t { kLess = 0xc, kGreaterEqual = 0xd, kLessEqual = 0xe };
  // Jumps to code written already, or to what Bind names later.
  using Label = size_t;
  Label Here() const { return code_.size(); }
  void JumpBack(Condition condition, Label target);
  Label JumpForward(Condition condition);
  void Bind(Label jump);
  void Return();  // leaves the upper halves of the vectors clear

  // Writes the constants and the addresses that refer to them.
  void Finish();

 private:
  void Byte(uint8_t b) { code_.push_back(b); }
  void Word(int32_t v);
  void Patch(size_t at, int32_t v);
  // map: 1 0F, 2 0F38, 3 0F3A. prefix: 0 none, 1 66.
  void Vex(uint8_t map, uint8_t prefix, uint8_t opcode, Ymm reg, Ymm second, uint8_t rm_high,
           uint8_t index_high);
  void VectorRegister(uint8_t map, uint8_t prefix, uint8_t opcode, Ymm reg, Ymm second, Ymm rm);
  void VectorMemory(uint8_t map, uint8_t prefix, uint8_t opcode, Ymm reg, Ymm second, Gpr base,
                    Gpr index);
  // Two general registers; a register and an extension of the opcode.
  void Registers(uint8_t opcode, Gpr reg, Gpr rm);
  void Extended(uint8_t opcode, uint8_t extension, Gpr rm);
  void Rex(Gpr reg, Gpr rm);
  uint8_t packed() const { return wide_ ? 1 : 0; }

  struct Reference {
    size_t at;      // of the 32-bit distance
    size_t number;  // of the constant; beyond: the mask table
  };
  static constexpr size_t kTable = ~size_t{0};
  std::vector<uint8_t>& code_;
  bool wide_;
  std::vector<uint64_t> constants_;
  std::vector<Reference> references_;
};

}  // namespace wengert::runtime
