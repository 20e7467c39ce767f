// The work of the cases, and what must come out of it.

#pragma once

#include "harness.hpp"

namespace work {

constexpr std::size_t fan_out = 10;

// A tree of so many leaves, each inner node with ten children.
struct Tree {
  std::size_t leaves;
  explicit Tree(unsigned reduction) : leaves(harness::count(1'000'000, reduction)) {}
  std::size_t nodes() const { return (leaves * fan_out - 1) / (fan_out - 1); }
  std::size_t sum() const { return leaves * (leaves - 1) / 2; }
};

// A Fibonacci number, and the calls of the recursion for it.
struct Fibonacci {
  unsigned n;
  std::uint64_t value = 0;
  std::size_t calls;
  explicit Fibonacci(unsigned reduction) : n(25 - 5 * reduction) {
    std::uint64_t next = 1;
    for (unsigned i = 0; i < n; ++i) {
      value = std::exchange(next, value + next);
    }
    calls = 2 * next - 1;
  }
};

// Solutions below a board, and tasks it took to find them.
struct Found {
  std::size_t solutions = 0, tasks = 1;
  bool operator==(Found const &) const = default;
  void add(Found const &child) {
    solutions += child.solutions;
    tasks += child.tasks;
  }
};

// The rows above, as the columns of the next row that they attack.
struct Board {
  static constexpr std::size_t most_children = 10;
  std::uint32_t size = 0, columns = 0, falling = 0, rising = 0;

  bool is_full() const { return std::popcount(columns) == static_cast<int>(size); }

  // Whether a queen may stand in this column of the next row.
  bool is_free(std::uint32_t column) const {
    return ((columns | falling | rising) & (1U << column)) == 0;
  }

  std::size_t free_columns() const {
    std::uint32_t all = (1U << size) - 1;
    return static_cast<std::size_t>(std::popcount(all & ~(columns | falling | rising)));
  }

  Board with(std::uint32_t column) const {
    std::uint32_t queen = 1U << column;
    return {size, columns | queen, (falling | queen) << 1, (rising | queen) >> 1};
  }
};

struct Queens {
  Board board;
  Found found;
  explicit Queens(unsigned reduction) {
    constexpr std::array<std::pair<std::uint32_t, Found>, 3> sizes{
        {{10, {724, 35'539}}, {8, {92, 2'057}}, {6, {4, 153}}}};
    auto const &size = sizes[std::min(reduction, 2U)];
    board.size = size.first;
    found = size.second;
  }
};

constexpr std::size_t edge = 32;
using Block = std::array<std::int32_t, edge * edge>;

// side³ products of blocks, from these blocks on.
struct Part {
  std::size_t row = 0, column = 0, depth = 0, side = 0;
  Part quarter(std::size_t phase, std::size_t number) const {
    std::size_t half = side / 2;
    return {row + half * (number / 2), column + half * (number % 2), depth + half * phase, half};
  }
};

// Two matrices and their product, stored by blocks. Unsigned arithmetic wraps round.
class Product {
  std::vector<Block> left, right, result;

  std::vector<std::uint32_t> apply(std::vector<Block> const &matrix,
                                   std::vector<std::uint32_t> const &vector) const {
    std::vector<std::uint32_t> image(vector.size());
    for (std::size_t index = 0; index < matrix.size(); ++index) {
      for (std::size_t at = 0; at < edge * edge; ++at) {
        auto factor = static_cast<std::uint32_t>(matrix[index][at]);
        image[index / side * edge + at / edge] += factor * vector[index % side * edge + at % edge];
      }
    }
    return image;
  }

public:
  std::size_t side;

  explicit Product(unsigned reduction) : side(32U >> reduction) {
    std::size_t blocks = side * side;
    auto fill = [](std::size_t seed) {
      Block block;
      for (std::size_t index = 0; index < block.size(); ++index) {
        block[index] = static_cast<std::int32_t>((seed * 31 + index * 17) % 101) - 50;
      }
      return block;
    };
    for (std::size_t index = 0; index < blocks; ++index) {
      left.push_back(fill(index));
      right.push_back(fill(blocks + index));
    }
    result.resize(blocks, Block{});
  }

  Part whole() const { return {0, 0, 0, side}; }
  std::size_t blocks() const { return side * side * side; }

  void multiply_block(Part const &part) {
    Block const &a = left[part.row * side + part.depth];
    Block const &b = right[part.depth * side + part.column];
    Block &sums = result[part.row * side + part.column];
    for (std::size_t row = 0; row < edge; ++row) {
      for (std::size_t inner = 0; inner < edge; ++inner) {
        auto factor = static_cast<std::uint32_t>(a[row * edge + inner]);
        for (std::size_t column = 0; column < edge; ++column) {
          auto product = factor * static_cast<std::uint32_t>(b[inner * edge + column]);
          auto &sum = sums[row * edge + column];
          sum = static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) + product);
        }
      }
    }
  }

  // Freivalds' check: for a vector v, left (right v) is result v.
  bool is_right() const {
    std::vector<std::uint32_t> vector(side * edge);
    for (std::size_t index = 0; index < vector.size(); ++index) {
      vector[index] = static_cast<std::uint32_t>(index % 13) - 6;
    }
    return apply(left, apply(right, vector)) == apply(result, vector);
  }
};

} // namespace work
