#include <algorithm>
#include <mutex>

#include "wengert/op_def.h"

namespace wengert {

OpRegistry& OpRegistry::Global() {
  // Never destroyed: operations refer to their definitions until the process ends.
  static OpRegistry* registry = [] {
    auto filled = std::make_unique<OpRegistry>();
    RegisterBuiltinOps(*filled);
    filled->Seal();
    return filled.release();
  }();
  return *registry;
}

void OpRegistry::Add(OpDef def) {
  def.Validate();
  std::unique_lock lock(mutex_);
  auto [it, added] = ops_.try_emplace(def.name());
  if (!added) throw ValueError("Op '" + def.name() + "' is already defined");
  it->second = std::make_unique<OpDef>(std::move(def));
}

OpDef& OpRegistry::Op(const std::string& name) {
  std::unique_lock lock(mutex_);
  auto [it, added] = ops_.try_emplace(name);
  if (!added) throw ValueError("Op '" + name + "' is already defined");
  it->second = std::make_unique<OpDef>(name);
  unsealed_.push_back(it->second.get());
  return *it->second;
}

void OpRegistry::Seal() {
  std::vector<OpDef*> pending;
  {
    std::unique_lock lock(mutex_);
    pending.swap(unsealed_);
  }
  for (const OpDef* def : pending) def->Validate();
}

const OpDef* OpRegistry::Find(std::string_view name) const {
  std::shared_lock lock(mutex_);
  const auto it = ops_.find(name);
  return it == ops_.end() ? nullptr : it->second.get();
}

const OpDef& OpRegistry::Get(std::string_view name) const {
  if (const OpDef* def = Find(name)) return *def;
  throw RuntimeError("Op type not registered '" + std::string(name) +
                     "' in this process. Make sure that its definition is added before a graph "
                     "uses it.");
}

std::vector<const OpDef*> OpRegistry::All() const {
  std::vector<const OpDef*> all;
  {
    std::shared_lock lock(mutex_);
    all.reserve(ops_.size());
    for (const auto& [name, def] : ops_) all.push_back(def.get());
  }
  std::sort(all.begin(), all.end(),
            [](const OpDef* a, const OpDef* b) { return a->name() < b->name(); });
  return all;
}

void OpRegistry::AddGradient(const std::string& name, GradientFn fn) {
  std::unique_lock lock(mutex_);
  if (!gradients_.try_emplace(name, std::move(fn)).second) {
    throw Error(ErrorKind::kKeyError, "Registering two gradient with name '" + name + "'!");
  }
}

const GradientFn* OpRegistry::FindGradient(std::string_view name) const {
  std::shared_lock lock(mutex_);
  const auto it = gradients_.find(name);
  return it == gradients_.end() ? nullptr : &it->second;
}

}  // namespace wengert
