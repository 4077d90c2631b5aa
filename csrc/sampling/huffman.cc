#include "sampling/huffman.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "support/checks.h"

namespace fastnlp {

Buffer<std::int32_t> huffman_links(std::span<const std::int64_t> counts) {
  const std::size_t vocabulary = counts.size();
  if (vocabulary > (std::size_t{1} << 29)) refuse("counts", "at most 2^29 words", std::to_string(vocabulary));
  std::vector<std::int32_t> leaves;  // by rising count, of equal ones the larger id first
  for (std::size_t i = vocabulary; i-- > 0;) {
    if (counts[i] < 0) {
      refuse("counts[" + std::to_string(i) + "]", "a count of 0 or more", std::to_string(counts[i]));
    }
    if (counts[i] > 0) leaves.push_back(static_cast<std::int32_t>(i));
  }
  std::stable_sort(leaves.begin(), leaves.end(), [&](std::int32_t a, std::int32_t b) {
    return counts[static_cast<std::size_t>(a)] < counts[static_cast<std::size_t>(b)];
  });
  Buffer<std::int32_t> links;
  links.resize(vocabulary == 0 ? 0 : 2 * vocabulary - 1);
  std::fill(links.begin(), links.end(), -1);
  if (leaves.size() < 2) return links;

  // Inner nodes come into being by rising count, so that the smallest of all stands at the head of one of two
  // queues.
  std::vector<double> inner;  // sums of counts; doubles cannot overflow
  inner.reserve(leaves.size() - 1);
  std::size_t next_leaf = 0, next_inner = 0;
  const auto smallest = [&](double& count) {
    const double leaf = next_leaf < leaves.size()
                            ? static_cast<double>(counts[static_cast<std::size_t>(leaves[next_leaf])])
                            : 0.0;
    if (next_inner == inner.size() || (next_leaf < leaves.size() && leaf < inner[next_inner])) {
      count += leaf;
      return static_cast<std::size_t>(leaves[next_leaf++]);
    }
    count += inner[next_inner];
    return vocabulary + next_inner++;
  };
  for (std::size_t i = 0; i + 1 < leaves.size(); ++i) {
    double count = 0.0;
    const std::size_t left = smallest(count);
    const std::size_t right = smallest(count);
    inner.push_back(count);
    links[left] = static_cast<std::int32_t>(2 * i);
    links[right] = static_cast<std::int32_t>(2 * i + 1);
  }
  return links;
}

TreePaths tree_paths(std::span<const std::int32_t> links, std::int64_t vocabulary) {
  if (vocabulary < 1 || static_cast<std::int64_t>(links.size()) != 2 * vocabulary - 1) {
    refuse("links", "2V - 1 of them for V = " + std::to_string(vocabulary), std::to_string(links.size()));
  }
  for (std::size_t node = 0; node < links.size(); ++node) {
    const std::int64_t above = links[node] >> 1;
    const std::int64_t own = static_cast<std::int64_t>(node) - vocabulary;
    if (links[node] != -1 && (links[node] < 0 || above >= vocabulary - 1 || above <= own)) {
      refuse("links[" + std::to_string(node) + "]",
             "-1 or a link to an inner node from " + std::to_string(std::max<std::int64_t>(own + 1, 0)) +
                 " to " + std::to_string(vocabulary - 2),
             std::to_string(links[node]));
    }
  }
  TreePaths paths;
  paths.offsets.reserve(static_cast<std::size_t>(vocabulary) + 1);
  paths.offsets.push_back(0);
  for (std::int64_t word = 0; word < vocabulary; ++word) {
    const auto begin = static_cast<std::ptrdiff_t>(paths.path.size());
    for (std::int32_t link = links[static_cast<std::size_t>(word)]; link != -1;
         link = links[static_cast<std::size_t>(vocabulary + (link >> 1))]) {
      paths.path.push_back(link);
    }
    std::reverse(paths.path.begin() + begin, paths.path.end());
    paths.offsets.push_back(static_cast<std::int64_t>(paths.path.size()));
  }
  return paths;
}

}  // namespace fastnlp
