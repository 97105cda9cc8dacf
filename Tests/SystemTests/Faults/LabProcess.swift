import Foundation
import LabCore
import LabServers
import LabState
import LabTesting
import Testing

/// A process of a lab that a fault can strike.
enum LabProcess: String, CaseIterable, Sendable {
    case unbound, nginx, mosquitto, postgres
    /// The lab's own, with all services in it.
    case lab
}

extension LabUnderTest {
    /// The number of the process now; nil while there is none. A number in a stale file that has become another
    /// process's is not taken for it.
    func number(of process: LabProcess) -> Int32? {
        switch process {
        case .lab:
            guard let data = FileManager.default.contents(atPath: directory + "/info.json"),
                let number = try? JSONText(trusted: String(decoding: data, as: UTF8.self)).decode(JSONValue.self)[
                    "pids"]?["lab"],
                case .integer(let pid) = number,
                let line = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline"),
                String(decoding: line, as: UTF8.self).contains(directory)
            else { return nil }
            return Int32(pid)
        case .unbound, .nginx, .mosquitto, .postgres:
            guard let data = FileManager.default.contents(atPath: directory + "/supervisor/\(process.rawValue).pid"),
                let pid = String(decoding: data, as: UTF8.self).split(separator: " ").first.flatMap({ Int32($0) }),
                let place = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/cwd"),
                place.hasPrefix(directory)
            else { return nil }
            return pid
        }
    }

    /// Sends a signal to a process, SIGKILL unless told otherwise, as soon as it runs.
    func strike(_ process: LabProcess, signal: Int32 = SIGKILL) async throws {
        let isStruck = try await eventually {
            guard let pid = number(of: process) else { return false }
            return kill(pid, signal) == 0
        }
        try #require(isStruck, "\(process) does not run")
    }

    /// Kills the lab's process, leaves its servers behind, and starts the lab anew.
    func killAndStartAnew() async throws {
        let before = try #require(number(of: .lab))
        try await strike(.lab)
        let isGone = try await eventually { number(of: .lab) == nil }
        try #require(isGone)
        try await up()
        #expect(number(of: .lab) != before)
    }

    /// Kills a server again and again, as soon as it was started anew, for some time.
    func keepDown(_ process: LabProcess, for time: Duration) async throws {
        let end = ContinuousClock.now + time
        while ContinuousClock.now < end {
            if let pid = number(of: process) { kill(pid, SIGKILL) }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Kills all processes of the lab at once, the children of its servers too, and makes of its files what a loss of
    /// power may: those that are not synced are there and empty, and the machine was started anew.
    func losePower() async throws {
        try await strike(.lab)
        let isGone = try await eventually {
            let pids = processes
            for pid in pids { kill(pid, SIGKILL) }
            return pids.isEmpty && number(of: .lab) == nil
        }
        try #require(isGone)
        let folders = ["nginx", "supervisor", "docs/services"].map { directory + "/" + $0 }
        for folder in folders {
            for file in try FileManager.default.subpathsOfDirectory(atPath: folder) {
                try FileHandle(forWritingAtPath: folder + "/" + file)?.truncate(atOffset: 0)
            }
        }
        try "of-before\n".write(toFile: directory + "/machine-start", atomically: true, encoding: .utf8)
    }

    /// Every process that works inside the lab's directory.
    private var processes: [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { pid in
            let place = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/cwd")
            return place?.hasPrefix(directory + "/") ?? false
        }
    }
}
