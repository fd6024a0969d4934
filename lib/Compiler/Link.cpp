// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Compiler/Compiler.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"

using namespace attn;

/// A linker, and whether it is a C compiler that wants linker options behind -Wl.
static llvm::Expected<std::pair<std::string, bool>> findLinker() {
  for (llvm::StringRef name : {"ld.lld", "ld.lld-22", "ld"})
    if (auto path = llvm::sys::findProgramByName(name))
      return std::pair{*path, false};
  for (llvm::StringRef name : {"cc", "clang", "gcc"})
    if (auto path = llvm::sys::findProgramByName(name))
      return std::pair{*path, true};
  return llvm::createStringError(
      "--emit=shared needs a linker: none of ld.lld, ld.lld-22, ld, cc, clang and gcc is on PATH "
      "(--emit=obj needs none)");
}

llvm::Error attn::linkSharedLibrary(llvm::StringRef object, llvm::StringRef path) {
  auto linker = findLinker();
  if (!linker)
    return linker.takeError();
  auto fail = [&](const llvm::Twine &what) { return llvm::createStringError(path + ": " + what); };

  // Beside the result, so that the last step is a rename: readers see no library or a whole one.
  llvm::SmallString<128> objectPath, libraryPath, messagesPath;
  llvm::scope_exit cleanUp([&] {
    for (llvm::StringRef temporary : {objectPath.str(), libraryPath.str(), messagesPath.str()})
      if (!temporary.empty())
        llvm::sys::fs::remove(temporary);
  });
  int fd;
  if (auto error = llvm::sys::fs::createUniqueFile(path + "-%%%%%%.o", fd, objectPath))
    return fail(error.message());
  {
    llvm::raw_fd_ostream os(fd, /*shouldClose=*/true);
    os << object;
    os.close();
    if (os.has_error()) {
      std::string message = os.error().message();
      os.clear_error();
      return fail(message);
    }
  }
  if (auto error = llvm::sys::fs::createUniqueFile(path + "-%%%%%%", libraryPath))
    return fail(error.message());
  if (auto error = llvm::sys::fs::createTemporaryFile("attn-link", "txt", messagesPath))
    return fail(error.message());

  llvm::SmallVector<llvm::StringRef> arguments{linker->first, "-shared", "-o", libraryPath, objectPath};
  if (linker->second)
    arguments.append({"-nostdlib", "-Wl,-z,defs,-z,noexecstack,--build-id=sha1"});
  else
    arguments.append({"-z", "defs", "-z", "noexecstack", "--build-id=sha1"});
  std::string message;
  int status = llvm::sys::ExecuteAndWait(linker->first, arguments, /*Env=*/std::nullopt,
                                         {llvm::StringRef(""), messagesPath.str(), messagesPath.str()},
                                         /*SecondsToWait=*/0, /*MemoryLimit=*/0, &message);
  if (status != 0) {
    if (auto text = llvm::MemoryBuffer::getFile(messagesPath))
      message += (*text)->getBuffer().rtrim();
    return fail("the linker " + linker->first + " failed: " + message);
  }
  llvm::sys::fs::setPermissions(libraryPath, static_cast<llvm::sys::fs::perms>(0755));
  if (auto error = llvm::sys::fs::rename(libraryPath, path))
    return fail(error.message());
  return llvm::Error::success();
}
