// TooManyCooks: an executor for coroutines with continuation stealing.

#define TMC_IMPL
#include "tmc/all_headers.hpp"

#include <atomic>
#include <future>
#include <ranges>

#include "work.hpp"

namespace {

// Runs a task on the executor and waits for it outside.
template <typename Task> auto run(Task task) {
  return tmc::post_waitable(tmc::cpu_executor(), std::move(task)).get();
}

tmc::task<void> nothing() { co_return; }

tmc::task<harness::Result> join_batches(std::size_t times) {
  constexpr std::size_t batch = 10'000;
  harness::Stopwatch watch;
  for (std::size_t round = 0; round < times; ++round) {
    auto tasks = std::views::iota(std::size_t{0}, batch) |
                 std::views::transform([](std::size_t) { return nothing(); });
    co_await tmc::spawn_many(tasks.begin(), batch);
  }
  co_return watch.stop(times * batch);
}

harness::Result spawn_join_batch(unsigned reduction) {
  return run(join_batches(harness::count(100, reduction)));
}

// Counts down to zero, then signals once.
struct Countdown {
  std::atomic<std::size_t> left;
  std::promise<void> zero;
};

tmc::task<void> count_down(Countdown *countdown) {
  if (countdown->left.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    countdown->zero.set_value();
  }
  co_return;
}

tmc::task<void> spawn_all(Countdown *countdown, std::size_t tasks) {
  for (std::size_t task = 0; task < tasks; ++task) {
    tmc::spawn(count_down(countdown)).detach();
  }
  co_return;
}

harness::Result spawn_detached(unsigned reduction) {
  std::size_t tasks = harness::count(1'000'000, reduction);
  Countdown countdown{tasks, {}};
  harness::Stopwatch watch;
  run(spawn_all(&countdown, tasks));
  countdown.zero.get_future().wait();
  return watch.stop(tasks);
}

tmc::task<std::size_t> answer(std::size_t number) { co_return number; }

tmc::task<std::size_t> one_by_one(std::size_t times) {
  std::size_t sum = 0;
  for (std::size_t number = 0; number < times; ++number) {
    auto child = tmc::spawn(answer(number)).fork();
    sum += co_await std::move(child);
  }
  co_return sum;
}

harness::Result spawn_await_one(unsigned reduction) {
  std::size_t times = harness::count(300'000, reduction);
  harness::Stopwatch watch;
  std::size_t sum = run(one_by_one(times));
  harness::Result took = watch.stop(times);
  harness::check(sum == times * (times - 1) / 2, "sum of what the tasks returned");
  return took;
}

tmc::task<void> link(std::size_t left, std::size_t depth, std::promise<std::size_t> *done) {
  if (left == 0) {
    done->set_value(depth);
  } else {
    tmc::spawn(link(left - 1, depth + 1, done)).detach();
  }
  co_return;
}

harness::Result chained_spawn(unsigned reduction) {
  std::size_t depth = harness::count(1'000'000, reduction);
  std::promise<std::size_t> done;
  harness::Stopwatch watch;
  run(link(depth, 0, &done));
  std::size_t reached = done.get_future().get();
  harness::Result took = watch.stop(depth);
  harness::check(reached == depth, "depth of the chain");
  return took;
}

tmc::task<std::size_t> yield_often(std::size_t times) {
  std::size_t yields = 0;
  for (; yields < times; ++yields) {
    co_await tmc::reschedule();
  }
  co_return yields;
}

tmc::task<std::size_t> all_yields(std::size_t yielders, std::size_t times) {
  auto tasks = std::views::iota(std::size_t{0}, yielders) |
               std::views::transform([times](std::size_t) { return yield_often(times); });
  auto results = co_await tmc::spawn_many(tasks.begin(), yielders);
  std::size_t yields = 0;
  for (std::size_t one : results) {
    yields += one;
  }
  co_return yields;
}

harness::Result yield(unsigned reduction) {
  constexpr std::size_t yielders = 200;
  std::size_t times = harness::count(10'000, reduction);
  harness::Stopwatch watch;
  std::size_t yields = run(all_yields(yielders, times));
  harness::Result took = watch.stop(yielders * times);
  harness::check(yields == yielders * times, "yields");
  return took;
}

tmc::task<std::size_t> branch(std::size_t first, std::size_t leaves) {
  if (leaves == 1) {
    co_return first;
  }
  std::size_t each = leaves / work::fan_out;
  auto children = std::views::iota(std::size_t{0}, work::fan_out) |
                  std::views::transform([=](std::size_t child) { return branch(first + child * each, each); });
  auto sums = co_await tmc::spawn_many<work::fan_out>(children.begin());
  std::size_t sum = 0;
  for (std::size_t one : sums) {
    sum += one;
  }
  co_return sum;
}

harness::Result skynet(unsigned reduction) {
  work::Tree tree(reduction);
  harness::Stopwatch watch;
  std::size_t sum = run(branch(0, tree.leaves));
  harness::Result took = watch.stop(tree.nodes());
  harness::check(sum == tree.sum(), "sum of the leaves");
  return took;
}

tmc::task<std::uint64_t> call(unsigned n) {
  if (n < 2) {
    co_return n;
  }
  auto [a, b] = co_await tmc::spawn_tuple(call(n - 1), call(n - 2));
  co_return a + b;
}

harness::Result fib(unsigned reduction) {
  work::Fibonacci expected(reduction);
  harness::Stopwatch watch;
  std::uint64_t value = run(call(expected.n));
  harness::Result took = watch.stop(expected.calls);
  harness::check(value == expected.value, "Fibonacci number");
  return took;
}

tmc::task<work::Found> place(work::Board board) {
  if (board.is_full()) {
    co_return work::Found{1, 1};
  }
  auto children = std::views::iota(std::uint32_t{0}, board.size) |
                  std::views::filter([=](std::uint32_t column) { return board.is_free(column); }) |
                  std::views::transform([=](std::uint32_t column) { return place(board.with(column)); });
  // As many results as there can be children at most; those beyond the children are not theirs.
  auto results = co_await tmc::spawn_many<work::Board::most_children>(children.begin(), children.end());
  work::Found found;
  for (std::size_t child = 0; child < board.free_columns(); ++child) {
    found.add(results[child]);
  }
  co_return found;
}

harness::Result nqueens(unsigned reduction) {
  work::Queens queens(reduction);
  harness::Stopwatch watch;
  work::Found found = run(place(queens.board));
  harness::Result took = watch.stop(queens.found.tasks);
  harness::check(found == queens.found, "solutions and placements");
  return took;
}

tmc::task<void> multiply(work::Product *product, work::Part part) {
  if (part.side == 1) {
    product->multiply_block(part);
    co_return;
  }
  for (std::size_t phase = 0; phase < 2; ++phase) {
    co_await tmc::spawn_tuple(
        multiply(product, part.quarter(phase, 0)), multiply(product, part.quarter(phase, 1)),
        multiply(product, part.quarter(phase, 2)), multiply(product, part.quarter(phase, 3)));
  }
}

harness::Result matmul(unsigned reduction) {
  work::Product product(reduction);
  harness::Stopwatch watch;
  run(multiply(&product, product.whole()));
  harness::Result took = watch.stop(product.blocks());
  harness::check(product.is_right(), "product of the matrices");
  return took;
}

#define TEXT_OF(value) #value
#define TEXT(value) TEXT_OF(value)
constexpr char version[] =
    TEXT(TMC_VERSION_MAJOR) "." TEXT(TMC_VERSION_MINOR) "." TEXT(TMC_VERSION_PATCH);

} // namespace

int main(int argc, char **argv) {
  std::vector<harness::Case> cases{
      {"spawn_join_batch", spawn_join_batch},
      {"spawn_detached", spawn_detached},
      {"spawn_await_one", spawn_await_one},
      {"chained_spawn", chained_spawn},
      {"yield", yield},
      {"skynet", skynet},
      {"fib", fib},
      {"skynet_join", skynet},
      {"fib_join", fib},
      {"nqueens", nqueens},
      {"matmul", matmul},
  };
  auto start = [](unsigned workers) { tmc::cpu_executor().set_thread_count(workers).init(); };
  int code = harness::main(argc, argv, version, cases, start);
  tmc::cpu_executor().teardown();
  return code;
}
