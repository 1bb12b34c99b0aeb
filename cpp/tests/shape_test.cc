// Dtypes, shapes, arrays and attributes.
#include "wengert/shape.h"

#include <cmath>
#include <limits>

#include "check.h"
#include "wengert/array.h"
#include "wengert/attr.h"

namespace wengert {
namespace {

TEST(DTypeNames) {
  for (int i = 1; i < kNumDTypes; ++i) {
    const auto dtype = static_cast<DType>(i);
    CHECK(ParseDType(Name(dtype)) == dtype);
    CHECK(ParseDType(EnumName(dtype)) == dtype);
    CHECK(ParseDType(SignatureName(dtype)) == dtype);
  }
  CHECK(!ParseDType("floaty"));
  CHECK_EQ(SizeOf(DType::kComplex128), size_t{16});
  CHECK(!IsPlainData(DType::kString));
  CHECK(RealDType(DType::kComplex64) == DType::kFloat32);
}

TEST(HalfPrecisionRoundTrips) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Half half{static_cast<uint16_t>(bits)};
    const BFloat16 brain{static_cast<uint16_t>(bits)};
    if (std::isnan(ToFloat(half))) {
      CHECK(std::isnan(ToFloat(ToHalf(ToFloat(half)))));
    } else {
      CHECK_EQ(ToHalf(ToFloat(half)).bits, half.bits);
    }
    if (std::isnan(ToFloat(brain))) {
      CHECK(std::isnan(ToFloat(ToBFloat16(ToFloat(brain)))));
    } else {
      CHECK_EQ(ToBFloat16(ToFloat(brain)).bits, brain.bits);
    }
  }
}

TEST(HalfPrecisionRounding) {
  CHECK_EQ(ToHalf(65519.0f).bits, 0x7bff);
  CHECK_EQ(ToHalf(65520.0f).bits, 0x7c00);
  CHECK_EQ(ToHalf(1.0f + 0x1p-11f).bits, 0x3c00);  // tie to even
  CHECK_EQ(ToHalf(1.0f + 0x3p-11f).bits, 0x3c02);
  CHECK_EQ(ToHalf(0x1p-25f).bits, 0x0000);
  CHECK_EQ(ToHalf(0x1.8p-25f).bits, 0x0001);
  CHECK_EQ(ToHalf(-0.0f).bits, 0x8000);
  CHECK_EQ(ToBFloat16(1.0f + 0x1p-8f).bits, 0x3f80);
  CHECK_EQ(ToBFloat16(1.0f + 0x3p-8f).bits, 0x3f82);
}

TEST(NumbersOfElements) {
  CHECK_EQ(NumElements({}), 1);
  CHECK_EQ(NumElements({2, 3}), 6);
  CHECK_EQ(NumElements({int64_t{1} << 62, 4, 0}), 0);
  CHECK_THROWS(kInvalidArgument, "", NumElements({int64_t{1} << 62, 4}));
  CHECK_THROWS(kInvalidArgument, "", NumElements({-1}));
}

TEST(ShapeTexts) {
  CHECK_EQ(Shape().ToPython(), "<unknown>");
  CHECK_EQ(Shape({2, -1}).ToPython(), "(2, None)");
  CHECK_EQ(Shape({2}).ToPython(), "(2,)");
  CHECK_EQ(Shape::Scalar().ToPython(), "()");
  CHECK_EQ(Shape().ToError(), "?");
  CHECK_EQ(Shape({2, -1}).ToError(), "[2,?]");
}

TEST(Merging) {
  CHECK(Shape({2, -1}).Merge(Shape({-1, 3})) == Shape({2, 3}));
  CHECK(Shape().Merge(Shape({4})) == Shape({4}));
  CHECK(!Shape({2}).Merge(Shape({3})));
  CHECK(!Shape({2}).Merge(Shape({2, 1})));
  CHECK_EQ(Shape({2, -1}).num_elements(), -1);
}

TEST(StaticBroadcast) {
  CHECK(BroadcastShapes(Shape({2, 1}), Shape({3})) == Shape({2, 3}));
  CHECK(BroadcastShapes(Shape({-1}), Shape({3})) == Shape({3}));
  CHECK(BroadcastShapes(Shape({-1}), Shape({1})) == Shape({-1}));
  CHECK(BroadcastShapes(Shape({0}), Shape({1})) == Shape({0}));
  CHECK(BroadcastShapes(Shape(), Shape({1})) == Shape());
  CHECK(!BroadcastShapes(Shape({2}), Shape({3})));
  CHECK(BroadcastDims({4, 1}, {3}) == Dims({4, 3}));
  CHECK(!BroadcastDims({4, 2}, {3}));
}

TEST(Arrays) {
  const Array a = Array::FromVector<float>({1, 2, 3, 4}, {2, 2});
  CHECK_EQ(a.AsDouble(3), 4.0);
  CHECK_THROWS(kTypeError, "", a.AsInt(0));
  CHECK(a.Identical(a.Clone()));
  CHECK(!a.Identical(a.Reshaped({4})));
  CHECK_THROWS(kInvalidArgument, "", a.Reshaped({3}));
  CHECK_EQ(Array::FromDouble(DType::kInt8, 3.9).AsInt(0), 3);
  CHECK_EQ(Array::FromDouble(DType::kFloat16, 0.5, {2}).AsDouble(1), 0.5);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(Array::Scalar(nan).Identical(Array::Scalar(nan)));
  CHECK(!Array::Scalar(0.0).Identical(Array::Scalar(-0.0)));
  CHECK_EQ(Array(DType::kString, {2}).strings().size(), size_t{2});
  CHECK_THROWS(kTypeError, "", Array(DType::kInvalid, {}));
  CHECK_THROWS(kResourceExhausted, "", Array(DType::kFloat64, {int64_t{1} << 62}));
  CHECK_THROWS(kValueError, "", Array(DType::kFloat64, {3}, Buffer::Allocate(16)));
}

TEST(BorrowedMemoryIsReleased) {
  float data[2] = {1, 2};
  bool released = false;
  {
    const Array a(DType::kFloat32, {2}, Buffer::Borrow(data, 8, [&] { released = true; }));
    const Array b = a;
    CHECK_EQ(b.AsDouble(1), 2.0);
  }
  CHECK(released);
}

TEST(Attributes) {
  CHECK_EQ(Attr(DType::kFloat32).ToString(), "DT_FLOAT");
  CHECK_EQ(Attr(true).ToString(), "true");
  CHECK_EQ(Attr(std::vector<int64_t>{1, 2}).ToString(), "[1, 2]");
  CHECK_EQ(Attr("a\"b").ToString(), "\"a\\\"b\"");
  CHECK_EQ(Attr(0.5).ToString(), "0.5");
  CHECK_EQ(Attr(Shape({2, -1})).ToString(), "[2,?]");
  CHECK(Attr(1) == Attr(int64_t{1}));
  CHECK(!(Attr(1) == Attr(true)));
  CHECK(Attr(Array::Scalar(1.0f)) == Attr(Array::Scalar(1.0f)));
  CHECK_THROWS(kTypeError, "", Attr(1).as<bool>());
  AttrMap map{{"b", 1}, {"a", true}};
  CHECK_EQ(map.begin()->first, "a");
  map.erase("a");
  CHECK_EQ(map.size(), size_t{1});
}

}  // namespace
}  // namespace wengert

TEST_MAIN()
