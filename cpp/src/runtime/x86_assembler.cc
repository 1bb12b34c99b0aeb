#include "runtime/x86_assembler.h"

#include <algorithm>

namespace wengert::runtime {
namespace {

constexpr uint8_t kSibNoIndex = 4, kSib = 4;

uint8_t Low(uint8_t r) {
  return r & 7;
}
uint8_t High(uint8_t r) {
  return r >> 3;
}
uint8_t Number(Gpr r) {
  return static_cast<uint8_t>(r);
}

}  // namespace

void X86Assembler::Word(int32_t v) {
  const auto bits = static_cast<uint32_t>(v);
  for (int k = 0; k < 4; ++k) Byte(static_cast<uint8_t>(bits >> (8 * k)));
}

void X86Assembler::Patch(size_t at, int32_t v) {
  const auto bits = static_cast<uint32_t>(v);
  for (size_t k = 0; k < 4; ++k) code_[at + k] = static_cast<uint8_t>(bits >> (8 * k));
}

void X86Assembler::Vex(uint8_t map, uint8_t prefix, uint8_t opcode, Ymm reg, Ymm second,
                       uint8_t rm_high, uint8_t index_high) {
  Byte(0xc4);
  Byte(static_cast<uint8_t>((High(reg) ^ 1) << 7 | (index_high ^ 1) << 6 | (rm_high ^ 1) << 5 |
                            map));
  Byte(static_cast<uint8_t>((~second & 15) << 3 | 1 << 2 | prefix));
  Byte(opcode);
}

void X86Assembler::VectorRegister(uint8_t map, uint8_t prefix, uint8_t opcode, Ymm reg, Ymm second,
                                  Ymm rm) {
  Vex(map, prefix, opcode, reg, second, High(rm), 0);
  Byte(static_cast<uint8_t>(0xc0 | Low(reg) << 3 | Low(rm)));
}

void X86Assembler::VectorMemory(uint8_t map, uint8_t prefix, uint8_t opcode, Ymm reg, Ymm second,
                                Gpr base, Gpr index) {
  const uint8_t b = Number(base), i = Number(index);
  Vex(map, prefix, opcode, reg, second, High(b), High(i));
  Byte(static_cast<uint8_t>(0x40 | Low(reg) << 3 | kSib));
  Byte(static_cast<uint8_t>(Low(i) << 3 | Low(b)));
  Byte(0);
}

void X86Assembler::Vector(Op op, Ymm dst, Ymm a, Ymm b) {
  VectorRegister(1, packed(), static_cast<uint8_t>(op), dst, op == Op::kSqrt ? 0 : a, b);
}

void X86Assembler::VectorCompare(Compare predicate, Ymm dst, Ymm a, Ymm b) {
  VectorRegister(1, packed(), 0xc2, dst, a, b);
  Byte(static_cast<uint8_t>(predicate));
}

void X86Assembler::Blend(Ymm dst, Ymm no, Ymm yes, Ymm mask) {
  VectorRegister(3, 1, wide_ ? 0x4b : 0x4a, dst, no, yes);
  Byte(static_cast<uint8_t>(mask << 4));
}

void X86Assembler::Round(Rounding mode, Ymm dst, Ymm x) {
  VectorRegister(3, 1, wide_ ? 0x09 : 0x08, dst, 0, x);
  Byte(static_cast<uint8_t>(mode));
}

void X86Assembler::Load(Ymm dst, Gpr base, Gpr index) {
  VectorMemory(1, packed(), 0x10, dst, 0, base, index);
}

void X86Assembler::Store(Gpr base, Gpr index, Ymm src) {
  VectorMemory(1, packed(), 0x11, src, 0, base, index);
}

void X86Assembler::LoadMasked(Ymm dst, Ymm mask, Gpr base, Gpr index) {
  VectorMemory(2, 1, wide_ ? 0x2d : 0x2c, dst, mask, base, index);
}

void X86Assembler::StoreMasked(Gpr base, Gpr index, Ymm mask, Ymm src) {
  VectorMemory(2, 1, wide_ ? 0x2f : 0x2e, src, mask, base, index);
}

void X86Assembler::Broadcast(Ymm dst, Gpr base) {
  const uint8_t b = Number(base);
  Vex(2, 1, wide_ ? 0x19 : 0x18, dst, 0, High(b), 0);
  Byte(static_cast<uint8_t>(0x40 | Low(dst) << 3 | kSib));
  Byte(static_cast<uint8_t>(kSibNoIndex << 3 | Low(b)));
  Byte(0);
}

void X86Assembler::BroadcastConstant(Ymm dst, uint64_t bits) {
  Vex(2, 1, wide_ ? 0x19 : 0x18, dst, 0, 0, 0);
  Byte(static_cast<uint8_t>(Low(dst) << 3 | 5));  // relative to the next instruction
  auto found = std::find(constants_.begin(), constants_.end(), bits);
  const auto number = static_cast<size_t>(found - constants_.begin());
  if (found == constants_.end()) constants_.push_back(bits);
  references_.push_back({code_.size(), number});
  Word(0);
}

void X86Assembler::Rex(Gpr reg, Gpr rm) {
  Byte(static_cast<uint8_t>(0x48 | High(Number(reg)) << 2 | High(Number(rm))));
}

void X86Assembler::LoadPointer(Gpr dst, Gpr base, int32_t offset) {
  Rex(dst, base);
  Byte(0x8b);
  Byte(static_cast<uint8_t>(0x80 | Low(Number(dst)) << 3 | Low(Number(base))));
  Word(offset);
}

void X86Assembler::Registers(uint8_t opcode, Gpr reg, Gpr rm) {
  Rex(reg, rm);
  Byte(opcode);
  Byte(static_cast<uint8_t>(0xc0 | Low(Number(reg)) << 3 | Low(Number(rm))));
}

void X86Assembler::Extended(uint8_t opcode, uint8_t extension, Gpr rm) {
  Rex(Gpr::kRax, rm);
  Byte(opcode);
  Byte(static_cast<uint8_t>(0xc0 | extension << 3 | Low(Number(rm))));
}

void X86Assembler::Clear(Gpr dst) {
  Registers(0x31, dst, dst);
}

void X86Assembler::Add(Gpr dst, int32_t value) {
  Extended(0x81, 0, dst);
  Word(value);
}

void X86Assembler::Add(Gpr dst, Gpr value) {
  Registers(0x01, value, dst);
}

void X86Assembler::Subtract(Gpr dst, Gpr value) {
  Registers(0x29, value, dst);
}

void X86Assembler::ShiftLeft(Gpr dst, uint8_t by) {
  Extended(0xc1, 4, dst);
  Byte(by);
}

void X86Assembler::Push(Gpr r) {
  Byte(static_cast<uint8_t>(0x50 | Low(Number(r))));
}

void X86Assembler::Pop(Gpr r) {
  Byte(static_cast<uint8_t>(0x58 | Low(Number(r))));
}

void X86Assembler::MaskTable(Gpr dst) {
  Rex(dst, Gpr::kRax);
  Byte(0x8d);
  Byte(static_cast<uint8_t>(Low(Number(dst)) << 3 | 5));
  references_.push_back({code_.size(), kTable});
  Word(0);
}

void X86Assembler::Difference(Gpr dst, Gpr a, Gpr b) {
  Registers(0x89, a, dst);  // dst = a
  Subtract(dst, b);
}

void X86Assembler::CompareWith(Gpr a, Gpr b) {
  Registers(0x39, b, a);
}

void X86Assembler::Compare32(Gpr a, int32_t value) {
  Extended(0x81, 7, a);
  Word(value);
}

void X86Assembler::JumpBack(Condition condition, Label target) {
  const Label jump = JumpForward(condition);
  Patch(jump - 4, static_cast<int32_t>(target) - static_cast<int32_t>(jump));
}

X86Assembler::Label X86Assembler::JumpForward(Condition condition) {
  Byte(0x0f);
  Byte(static_cast<uint8_t>(0x80 | static_cast<uint8_t>(condition)));
  Word(0);
  return Here();
}

void X86Assembler::Bind(Label jump) {
  Patch(jump - 4, static_cast<int32_t>(Here()) - static_cast<int32_t>(jump));
}

void X86Assembler::Return() {
  for (uint8_t b : {0xc5, 0xf8, 0x77, 0xc3}) Byte(b);  // vzeroupper, ret
}

void X86Assembler::Finish() {
  while (code_.size() % 16 != 0) Byte(0xcc);
  const size_t element = wide_ ? 8 : 4;
  const size_t start = code_.size();
  for (uint64_t bits : constants_) {
    for (size_t k = 0; k < element; ++k) Byte(static_cast<uint8_t>(bits >> (8 * k)));
  }
  const size_t table = code_.size();
  code_.insert(code_.end(), 32, 0xff);
  code_.insert(code_.end(), 32, 0x00);
  for (const Reference& r : references_) {
    const size_t target = r.number == kTable ? table : start + r.number * element;
    Patch(r.at, static_cast<int32_t>(target) - static_cast<int32_t>(r.at + 4));
  }
  while (code_.size() % 16 != 0) Byte(0xcc);
}

}  // namespace wengert::runtime
