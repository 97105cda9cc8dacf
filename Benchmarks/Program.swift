import Foundation
import LabKit
import LabServers

/// Runs the benchmarks that were named, or all.
@main
struct BenchmarkProgram {
    static let benchmarks: [(name: String, run: @Sendable () async throws -> [Measurement])] = [
        ("pool", PoolBenchmark.run),
        ("mqtt", MQTTBenchmark.run),
        ("client", ClientBenchmark.run),
        ("server", ServerBenchmark.run),
        ("deploy", DeployBenchmark.run),
        ("convergence", ConvergenceBenchmark.run),
        ("memory", MemoryBenchmark.run),
    ]

    static func main() async throws {
        let asked = CommandLine.arguments.dropFirst()
        for name in asked where !benchmarks.contains(where: { $0.name == name }) {
            print("There is no benchmark “\(name)”; there are \(benchmarks.map(\.name).joined(separator: ", "))")
            exit(64)
        }
        print(Measurement.heading)
        for benchmark in benchmarks where asked.isEmpty || asked.contains(benchmark.name) {
            for measurement in try await benchmark.run() { print(measurement.row) }
        }
    }
}

/// One figure, with the peer's beside it where there is one.
struct Measurement: Sendable {
    let what: String
    let ours: String
    let peer: String
    let ratio: String

    init(_ what: String, ours: Double, peer: Double, unit: String) {
        self.what = what
        self.ours = "\(Self.text(ours)) \(unit)"
        self.peer = "\(Self.text(peer)) \(unit)"
        ratio = peer > 0 ? "\((ours / peer * 100).rounded() / 100)" : "—"
    }

    init(_ what: String, _ ours: Double, unit: String) {
        self.what = what
        self.ours = "\(Self.text(ours)) \(unit)"
        peer = "—"
        ratio = "—"
    }

    static let heading = "| what | ours | peer | ours / peer |\n| --- | --- | --- | --- |"
    var row: String { "| \(what) | \(ours) | \(peer) | \(ratio) |" }

    private static func text(_ value: Double) -> String {
        value >= 100 ? String(Int(value.rounded())) : String((value * 100).rounded() / 100)
    }
}

extension [Double] {
    var median: Double { quantile(0.5) }

    /// The value below which a share of the sorted values lies.
    func quantile(_ share: Double) -> Double {
        guard !isEmpty else { return 0 }
        let sorted = sorted()
        return sorted[Swift.min(count - 1, Int((Double(count - 1) * share).rounded()))]
    }
}

extension Logger {
    static var silent: Logger { Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() } }
}
