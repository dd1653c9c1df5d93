#pragma once

#include <functional>
#include <memory>
#include <string>

namespace chitu::device {
class SharedHostMemory;
}

namespace chitu::parallel {

class Store;

/// Host memory for all ranks of a launch that are on the same host, and see each other's processes
/// there. Every rank calls it, once.
///
/// wait_for  gives the text of a key of the store that another rank sets
/// returns   null for a rank that is alone on its host, or cannot share memory
std::shared_ptr<device::SharedHostMemory> memory_of_host(
    Store& store, int rank, int size,
    const std::function<std::string(const std::string& key)>& wait_for);

}  // namespace chitu::parallel
