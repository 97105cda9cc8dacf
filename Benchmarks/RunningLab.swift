import Foundation
import LabKit
import LabServers
import LabTesting

/// A whole lab of this build, in a directory of its own, as `lab up` runs it.
struct RunningLab: Sendable {
    /// What `lab info --json` says, as far as it is needed here.
    struct Info: Decodable, Sendable {
        struct ProcessIDs: Decodable, Sendable {
            let lab: Int32
        }

        let domain: String
        let api: String
        let postgres: String
        let tokenFile: String
        let stateDir: String
        let pids: ProcessIDs
    }

    let info: Info
    let token: Secret<String>
    let http: HTTPClient

    /// The program that is measured.
    static var program: String {
        ProcessInfo.processInfo.environment["LAB_PROGRAM"] ?? ".build/release/lab"
    }

    /// Starts a lab for the length of `body`.
    static func with<Result: Sendable>(
        _ body: @escaping @Sendable (RunningLab) async throws -> Result
    ) async throws -> Result {
        try await withTemporaryDirectory { directory in
            let lab = directory + "/lab"
            do {
                let started = try await run(["up", "--detach", "--json"], lab)
                let info = try JSONText(trusted: started.standardOutput).decode(Info.self)
                guard let token = FileManager.default.contents(atPath: info.tokenFile) else {
                    throw BenchmarkFailure("\(info.tokenFile) cannot be read")
                }
                let text = String(decoding: token, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
                let running = RunningLab(info: info, token: Secret(text), http: HTTPClient(logger: .silent))
                let result = try await body(running)
                await running.http.shutdown()
                try await run(["down", "--json"], lab)
                return result
            } catch {
                if let log = FileManager.default.contents(atPath: lab + "/lab.log") {
                    FileHandle.standardError.write(log.suffix(4000))
                }
                _ = try? await run(["down", "--json"], lab)
                throw error
            }
        }
    }

    @discardableResult
    private static func run(_ arguments: [String], _ directory: String) async throws -> ProgramResult {
        try await Program.run(
            program, arguments, environment: ["LAB_STATE_DIR": directory, "NO_COLOR": "1"], timeout: .seconds(240)
        ).orThrow()
    }

    /// Declares something through the API; returns its generation.
    @discardableResult
    func put(_ path: String, _ spec: JSONValue) async throws -> Int64 {
        var request = request(path, method: .put)
        request.headers["Content-Type"] = "application/json"
        request.body = .text(try JSONText(encoding: spec).text)
        let response = try await http.execute(request)
        guard response.isSuccess else { throw BenchmarkFailure("PUT \(path): \(response.status) \(response.text)") }
        return try JSONText(trusted: response.text).decode(Document.self).generation
    }

    /// Follows a resource until a condition of a generation is true.
    func wait(kind: String, _ name: String, generation: Int64, until type: String) async throws {
        var request = request("/v1/watch/\(kind)/\(name)", method: .get)
        request.timeouts = HTTPTimeouts(total: .seconds(60), idle: nil)
        try await http.withStreamingResponse(request) { response in
            var pending: [UInt8] = []
            for try await chunk in response.body {
                pending += chunk
                while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = String(decoding: pending[..<end], as: UTF8.self)
                    pending.removeSubrange(...end)
                    guard line.hasPrefix("data: {\"") else { continue }
                    let document = try JSONText(trusted: String(line.dropFirst(6))).decode(Document.self)
                    if document.isTrue(type, generation: generation) { return }
                }
            }
            throw BenchmarkFailure("the stream of \(kind)/\(name) ended before \(type)")
        }
    }

    private func request(_ path: String, method: HTTPMethod) -> HTTPRequest {
        var request = HTTPRequest(method: method, url: info.api + path)
        request.authorization = HTTPRequest.bearer(token)
        return request
    }

    private struct Document: Decodable {
        struct Condition: Decodable {
            let type: String
            let status: String
            let observedGeneration: Int64
        }

        let generation: Int64
        let conditions: [Condition]

        func isTrue(_ type: String, generation: Int64) -> Bool {
            conditions.contains { $0.type == type && $0.status == "true" && $0.observedGeneration >= generation }
        }
    }
}

/// Facts of a process from /proc (proc(5)).
enum ProcessFigures {
    /// User and system time so far, in seconds, to a clock tick.
    static func cpuSeconds(of pid: Int32) throws -> Double {
        let text = try read("/proc/\(pid)/stat")
        guard let end = text.lastIndex(of: ")") else { throw BenchmarkFailure("process \(pid) has no statistics") }
        // After the command's name: field 3 is the first, utime is 14, stime 15.
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
            throw BenchmarkFailure("process \(pid) has no times")
        }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Resident memory in megabytes (10^6 bytes).
    static func residentMegabytes(of pid: Int32) throws -> Double {
        let line = try read("/proc/\(pid)/status").split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        guard let kilobytes = line?.split(separator: " ").dropFirst().first.flatMap({ Double($0) }) else {
            throw BenchmarkFailure("process \(pid) has no memory")
        }
        return kilobytes * 1024 / 1e6
    }

    private static func read(_ path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw BenchmarkFailure("\(path) is not there")
        }
        return String(decoding: data, as: UTF8.self)
    }
}
