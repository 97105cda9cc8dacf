import FoundationEssentials
import Glibc
import LabServers

/// Temporary directories carry the process that made them in their names, so that the next test run can clean up
/// after one that was killed: end its servers, then remove its directories.
enum AbandonedDirectories {
    private static let parent = "/tmp"
    private static let prefix = "lab-test-"

    static func newPath() -> String {
        let random = String(UInt32.random(in: 0...UInt32.max), radix: 36)
        return "\(parent)/\(prefix)\(getpid())-\(startTime(of: getpid()) ?? "0")-\(random)"
    }

    /// Done once per process; later callers wait for the first.
    static func sweepOnce() async {
        await sweeping.value
    }

    private static let sweeping = Task { await sweep() }

    private static func sweep() async {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        for name in names where name.hasPrefix(prefix) {
            let fields = name.dropFirst(prefix.count).split(separator: "-")
            guard fields.count == 3, let pid = pid_t(fields[0]), startTime(of: pid) != String(fields[1]) else {
                continue
            }
            // Another test process may be sweeping the same directory: then it is in use, and left to that one.
            guard (try? await ServerSupervisor.endLeftovers(stateDirectory: "\(parent)/\(name)")) != nil else {
                continue
            }
            try? FileManager.default.removeItem(atPath: "\(parent)/\(name)")
        }
    }

    /// Field 22 of /proc/<pid>/stat, which tells a process from a later one with its number.
    private static func startTime(of pid: pid_t) -> String? {
        guard let line = try? String(contentsOf: URL(filePath: "/proc/\(pid)/stat"), encoding: .utf8),
            let end = line.lastIndex(of: ")")
        else { return nil }
        let fields = line[line.index(after: end)...].split(separator: " ")
        return fields.count > 19 ? String(fields[19]) : nil
    }
}
