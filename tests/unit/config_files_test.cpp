// SPDX-License-Identifier: GPL-2.0-or-later
#include "config_support.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/diagnostic.hpp"
#include "killswitchd/policy.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

using namespace ks;
using namespace ks::testing;

namespace {

namespace fs = std::filesystem;

/// A directory of its own for one test, gone afterwards.
class ConfigDirectory {
  public:
    ConfigDirectory() {
        std::string name = (fs::temp_directory_path() / "ks-config-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ConfigDirectory(const ConfigDirectory&) = delete;
    ConfigDirectory& operator=(const ConfigDirectory&) = delete;
    ~ConfigDirectory() { fs::remove_all(path_); }

    std::string put(const std::string& name, const std::string& text, mode_t mode = 0644) const {
        const fs::path file = path_ / name;
        fs::create_directories(file.parent_path());
        std::ofstream(file) << text;
        REQUIRE(::chmod(file.c_str(), mode) == 0);
        return file.string();
    }
    [[nodiscard]] std::string path(const std::string& name) const {
        return (path_ / name).string();
    }

  private:
    fs::path path_;
};

bool mentions(const LoadedConfig& loaded, const std::string& file, const std::string& text) {
    for (const Diagnostic& d : loaded.diagnostics) {
        if (d.file == file && d.line == 0 && d.column == 0 &&
            d.message.find(text) != std::string::npos) {
            return true;
        }
    }
    return false;
}

}  // namespace

TEST_CASE("a config without conf.d is loaded", "[config][files]") {
    const ConfigDirectory directory;
    const std::string main_file = directory.put("killswitchd.yaml", kAlways);

    const LoadedConfig loaded = load_config(main_file);

    CHECK(loaded.diagnostics.empty());
    CHECK(loaded.ok());
    CHECK(loaded.files == std::vector<std::string>{main_file});
}

TEST_CASE("drop-ins are merged in name order, other files are left alone", "[config][files]") {
    const ConfigDirectory directory;
    const std::string main_file = directory.put("killswitchd.yaml", kOff);
    const std::string last = directory.put("conf.d/20-b.yaml", "ipv6: block\n");
    const std::string first = directory.put("conf.d/10-a.yaml", "ipv6: tunnel\nboot: open\n");
    directory.put("conf.d/.hidden.yaml", "broken");
    directory.put("conf.d/readme.txt", "broken");
    directory.put("conf.d/30-c.yaml~", "broken");

    const LoadedConfig loaded = load_config(main_file);

    REQUIRE(loaded.ok());
    CHECK(loaded.policy->ipv6 == Ipv6::block);
    CHECK(loaded.policy->boot == BootLock::open);
    CHECK(loaded.files == std::vector<std::string>{main_file, first, last});
}

TEST_CASE("a config of another name has no drop-ins", "[config][files]") {
    const ConfigDirectory directory;
    const std::string main_file = directory.put("other.yaml", kOff);
    directory.put("conf.d/10-a.yaml", "broken");

    CHECK(load_config(main_file).ok());
}

TEST_CASE("a config that is not there is an error with its errno", "[config][files]") {
    const ConfigDirectory directory;
    const std::string main_file = directory.path("killswitchd.yaml");

    const LoadedConfig loaded = load_config(main_file);

    CHECK(!loaded.ok());
    CHECK(loaded.diagnostics.size() == 1);
    CHECK(mentions(loaded, main_file, "ENOENT"));
}

TEST_CASE("a file that others may write is refused, with the rest still checked",
          "[config][files][fail-closed]") {
    const ConfigDirectory directory;
    const std::string main_file = directory.put("killswitchd.yaml", kOff);
    const std::string drop_in = directory.put("conf.d/10-a.yaml", "ipv6: tunnel\n");
    REQUIRE(load_config(main_file).ok());
    const mode_t mode = GENERATE(as<mode_t>{}, 0664U, 0646U, 0666U);

    directory.put("conf.d/10-a.yaml", "ipv6: tunnel\n", mode);
    directory.put("conf.d/20-b.yaml", "boot: never\n");
    const LoadedConfig loaded = load_config(main_file);

    CHECK(!loaded.ok());
    CHECK(loaded.diagnostics.size() == 2);
    CHECK(mentions(loaded, drop_in,
                   fmt::format("'{0}' may be written by group or others; "
                               "run: chmod go-w {0}",
                               drop_in)));
    CHECK_FALSE(mentions(loaded, drop_in, "not permitted"));  // As if chmod had failed.
}

TEST_CASE("a directory in which others may add a file is refused",
          "[config][files][fail-closed][regression]") {
    const ConfigDirectory directory;
    const std::string main_file = directory.put("killswitchd.yaml", kOff);
    directory.put("conf.d/10-a.yaml", "ipv6: tunnel\n");
    REQUIRE(load_config(main_file).ok());
    const std::string loose = directory.path(GENERATE("conf.d", "."));
    const mode_t mode = GENERATE(as<mode_t>{}, 0775U, 0757U, 01777U);

    REQUIRE(::chmod(loose.c_str(), mode) == 0);
    const LoadedConfig loaded = load_config(main_file);

    CHECK(!loaded.ok());
    REQUIRE(loaded.diagnostics.size() == 1);
    CHECK(loaded.diagnostics[0].message.find("; run: chmod go-w /") != std::string::npos);
}

TEST_CASE("where no drop-ins count a sticky directory will do, an open one will not",
          "[config][files]") {
    const ConfigDirectory directory;
    const std::string main_file = directory.put("other.yaml", kOff);

    REQUIRE(::chmod(directory.path(".").c_str(), 01777) == 0);
    CHECK(load_config(main_file).ok());
    REQUIRE(::chmod(directory.path(".").c_str(), 0777) == 0);
    CHECK(!load_config(main_file).ok());
}

TEST_CASE("a command that mends a path can be pasted into a shell", "[config][files]") {
    const ConfigDirectory directory;
    const std::string file = directory.put("it's a.yaml", kOff, 0666);

    const LoadedConfig loaded = load_config(file);

    const std::string quoted = directory.path("it'\\''s a.yaml");
    CHECK(mentions(loaded, file, fmt::format("run: chmod go-w '{}'", quoted)));
}

TEST_CASE("what is no regular file of bearable size is refused", "[config][files]") {
    const ConfigDirectory directory;
    const std::string main_file = directory.put("killswitchd.yaml", kOff);
    REQUIRE(load_config(main_file).ok());

    fs::create_directories(directory.path("conf.d/10-directory.yaml"));
    REQUIRE(::mkfifo(directory.path("conf.d/20-fifo.yaml").c_str(), 0600) == 0);
    directory.put("conf.d/30-large.yaml", std::string(kMaxConfigBytes + 1, '#'));
    fs::create_symlink("nowhere", directory.path("conf.d/40-dangling.yaml"));
    const LoadedConfig loaded = load_config(main_file);

    CHECK(!loaded.ok());
    CHECK(loaded.diagnostics.size() == 4);
    CHECK(mentions(loaded, directory.path("conf.d/10-directory.yaml"), "EINVAL"));
    CHECK(mentions(loaded, directory.path("conf.d/20-fifo.yaml"), "EINVAL"));
    CHECK(mentions(loaded, directory.path("conf.d/30-large.yaml"), "EFBIG"));
    CHECK(mentions(loaded, directory.path("conf.d/40-dangling.yaml"), "ENOENT"));
}

TEST_CASE("a conf.d that is no directory is an error", "[config][files]") {
    const ConfigDirectory directory;
    const std::string main_file = directory.put("killswitchd.yaml", kOff);
    directory.put("conf.d", "");

    const LoadedConfig loaded = load_config(main_file);

    CHECK(!loaded.ok());
    CHECK(mentions(loaded, directory.path("conf.d"), "ENOTDIR"));
}
