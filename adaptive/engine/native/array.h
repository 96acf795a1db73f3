// A heap array of trivial values, zeroed, without exceptions and without libstdc++.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <type_traits>

namespace ae {

template <class T>
class Array {
  static_assert(std::is_trivially_copyable<T>::value, "Array holds plain values");

 public:
  Array() = default;
  Array(const Array &) = delete;
  Array &operator=(const Array &) = delete;
  ~Array() { std::free(data_); }

  // Replaces the content by `size` zeroed values; false if memory ran out.
  bool resize(size_t size) {
    std::free(data_);
    data_ = static_cast<T *>(std::calloc(size ? size : 1, sizeof(T)));
    size_ = data_ ? size : 0;
    return data_ != nullptr;
  }

  // Keeps only the first `size` values.
  void shorten(size_t size) { size_ = size < size_ ? size : size_; }

  T &operator[](size_t i) { return data_[i]; }
  const T &operator[](size_t i) const { return data_[i]; }
  T *data() { return data_; }
  const T *data() const { return data_; }
  size_t size() const { return size_; }
  T *begin() { return data_; }
  T *end() { return data_ + size_; }
  const T *begin() const { return data_; }
  const T *end() const { return data_ + size_; }

 private:
  T *data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace ae
