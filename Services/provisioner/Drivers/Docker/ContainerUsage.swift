import LabCore
import LabHTTPClient

/// What a container takes of the machine, from `GET /containers/{id}/stats` (Docker Engine API v1.41, ContainerStats),
/// computed as `docker stats` does it.
struct ContainerUsage: Sendable, Hashable, Codable {
    /// Of the second before; 1 is one core that had nothing else to do.
    let cores: Double
    /// In bytes, without what the system keeps of files and can let go of.
    let memory: Int64
    /// In bytes: the container's own limit, or what the machine has.
    let memoryLimit: Int64
    /// In bytes, since the container's start. A container with another one's network counts nothing.
    let received: Int64
    let sent: Int64
    /// In bytes, since the container's start, from and to disks.
    let read: Int64
    let written: Int64
    let processes: Int64
}

extension ContainerUsage {
    /// - Parameter answer: the engine's; of a container that does not run it has no numbers.
    init(_ answer: JSONValue) {
        let now = answer["cpu_stats"]
        let before = answer["precpu_stats"]
        let busy = now.number("cpu_usage", "total_usage") - before.number("cpu_usage", "total_usage")
        let all = now.number("system_cpu_usage") - before.number("system_cpu_usage")
        let perCore = now?["cpu_usage"]?["percpu_usage"]?.arrayValue ?? []
        let count = max(now.number("online_cpus"), Int64(perCore.count), 1)
        cores = busy > 0 && all > 0 ? Double(busy) / Double(all) * Double(count) : 0
        let memory = answer["memory_stats"]
        // Control groups of version 1 say the one, of version 2 the other.
        let cached = max(memory.number("stats", "total_inactive_file"), memory.number("stats", "inactive_file"))
        self.memory = max(0, memory.number("usage") - cached)
        memoryLimit = memory.number("limit")
        let networks = answer["networks"]?.objectValue ?? [:]
        received = networks.values.reduce(0) { $0 + Optional($1).number("rx_bytes") }
        sent = networks.values.reduce(0) { $0 + Optional($1).number("tx_bytes") }
        let transfers = answer["blkio_stats"]?["io_service_bytes_recursive"]?.arrayValue ?? []
        func sum(_ operation: String) -> Int64 {
            transfers.filter { $0["op"]?.stringValue?.lowercased() == operation }
                .reduce(0) { $0 + Optional($1).number("value") }
        }
        read = sum("read")
        written = sum("write")
        processes = answer["pids_stats"].number("current")
    }
}

extension JSONValue? {
    /// The whole number at a path; 0 where there is none.
    fileprivate func number(_ path: String...) -> Int64 {
        path.reduce(self) { $0?[$1] }?.intValue ?? 0
    }
}

extension DockerEngine {
    /// What a container takes of the machine; nil when it does not run any more. The engine watches it for a second
    /// first.
    func usage(of container: String) async throws -> ContainerUsage? {
        do {
            let answer = try await send(.get, "/containers/\(container)/stats?stream=false").json(JSONValue.self)
            let usage = ContainerUsage(answer)
            return usage.processes > 0 || usage.memory > 0 ? usage : nil
        } catch DockerFault.notFound, DockerFault.conflict {
            return nil
        }
    }
}
