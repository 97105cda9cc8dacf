import FoundationEssentials
import Glibc
import LabKit

/// The one directory that an embedded lab lives in.
struct StateDirectory: Sendable {
    let path: String

    init(_ path: String) {
        self.path = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }

    /// How to reach the running lab; written when it is ready, taken away when it stops.
    var infoFile: String { path + "/info.json" }
    var adminTokenFile: String { path + "/admin.token" }
    var lockFile: String { path + "/lab.lock" }
    var logFile: String { path + "/lab.log" }
    var caFile: String { path + "/ca.pem" }
    var docs: String { path + "/docs" }
    var apps: String { path + "/apps" }
    var secrets: String { path + "/secrets" }

    /// What the running lab wrote, or nil when none runs here.
    func info() throws -> LabInfo? {
        guard let data = FileManager.default.contents(atPath: infoFile), !MachineStart(self).isLaterThanLab else {
            return nil
        }
        var info = try JSONDecoder().decode(LabInfo.self, from: data)
        guard ProcessFacts.isAlive(info.pids.lab, startedAt: info.startedAtTicks) else { return nil }
        // A server that was started anew since has another number now.
        info.pids.postgres = serverProcess("postgres")
        info.pids.mosquitto = serverProcess("mosquitto")
        info.pids.unbound = serverProcess("unbound")
        info.pids.nginx = serverProcess("nginx")
        return info
    }

    /// The number of a supervised server's present process, from its supervisor's pid file.
    private func serverProcess(_ name: String) -> Int32? {
        guard let data = FileManager.default.contents(atPath: path + "/supervisor/\(name).pid") else { return nil }
        return String(decoding: data, as: UTF8.self).split(separator: " ").first.flatMap { Int32($0) }
    }
}

/// How to reach a running lab: what `lab info --json` prints.
struct LabInfo: Codable, Sendable {
    struct ProcessIDs: Codable, Sendable {
        var lab: Int32
        var postgres: Int32?
        var mosquitto: Int32?
        var unbound: Int32?
        var nginx: Int32?
    }

    var domain: String
    var api: String
    var https: String
    var dns: String
    var mqtt: String
    var mqttUser: String
    var mqttPassword: String
    var postgres: String
    var ca: String
    var tokenFile: String
    var docs: String
    var stateDir: String
    var pids: ProcessIDs
    /// The start time of the lab's process as the kernel counts it, so that a reused pid is not taken for it.
    var startedAtTicks: UInt64
}

/// Facts about a process from /proc.
enum ProcessFacts {
    /// Field 22 of /proc/<pid>/stat (proc(5)): clock ticks after boot.
    ///
    /// - Returns: nil when there is no such process, or it has ended and only waits for its parent to notice.
    static func startTime(_ pid: Int32) -> UInt64? {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return nil }
        let text = String(decoding: data, as: UTF8.self)
        // The command in field 2 may have spaces and parentheses; the last one ends it.
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return UInt64(fields[19])
    }

    static func isAlive(_ pid: Int32, startedAt ticks: UInt64) -> Bool {
        startTime(pid) == ticks
    }
}
