import Foundation

/// Runs the benchmarks that were named, or all of them, each beside its peer.
@main
struct BenchmarkProgram {
    static let benchmarks: [(name: String, run: @Sendable () async throws -> [Measurement])] = [
        ("pool", PoolBenchmark.run),
        ("mqtt", MQTTBenchmark.run),
        ("client", ClientBenchmark.run),
        ("server", ServerBenchmark.run),
        ("deploy", DeployBenchmark.run),
        ("containers", ContainersBenchmark.run),
        ("convergence", ConvergenceBenchmark.run),
        ("memory", MemoryBenchmark.run),
    ]

    static func main() async throws {
        let asked = CommandLine.arguments.dropFirst()
        for name in asked where !benchmarks.contains(where: { $0.name == name }) {
            print("There is no benchmark “\(name)”; there are \(benchmarks.map(\.name).joined(separator: ", "))")
            exit(64)
        }
        tell(Measurement.heading)
        for benchmark in benchmarks where asked.isEmpty || asked.contains(benchmark.name) {
            for measurement in try await benchmark.run() { tell(measurement.row) }
            FileHandle.standardError.write(Data("\(benchmark.name): load \(SystemLoad.description)\n".utf8))
        }
    }

    /// Unbuffered, since a benchmark takes minutes.
    private static func tell(_ line: String) {
        FileHandle.standardOutput.write(Data((line + "\n").utf8))
    }
}
