#pragma once
// Options that take several values in one word: "30,60,90".

#include <string>
#include <vector>

namespace resnext::cli {

/// "a,b" as {"a", "b"}; nothing of an empty text. A comma at the end ends the last item.
std::vector<std::string> split_at_commas(const std::string& text);

/// The numbers of such a text. Throws UsageError naming the option and the item that is none.
std::vector<double> parse_numbers(const std::string& option, const std::string& text);

/// The same, of whole numbers above 0 that fit an int.
std::vector<int> parse_positive_integers(const std::string& option, const std::string& text);

}  // namespace resnext::cli
