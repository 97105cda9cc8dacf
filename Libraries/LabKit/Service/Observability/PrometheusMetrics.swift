public import CoreMetrics
import LabCore
import Synchronization

/// A metrics backend that writes Prometheus' text format (exposition format 0.0.4): counters, gauges, and histograms
/// for timers (in seconds) and recorders.
///
/// None of the packages at hand has one; the format is small and stable.
public final class PrometheusMetrics: Sendable {
    private struct Series: Hashable {
        let label: String
        let dimensions: String
    }

    private struct State {
        var counters: [Series: CounterCell] = [:]
        var gauges: [Series: GaugeCell] = [:]
        var histograms: [Series: HistogramCell] = [:]
    }

    /// What the process's `/metrics` answers from; installed as the backend of swift-metrics at start.
    public static let shared = PrometheusMetrics()

    private let state = Mutex(State())

    public init() {}

    /// Sets a gauge that is read at the moment of the scrape.
    func gauge(_ label: String, _ dimensions: [(String, String)], _ value: Double) {
        makeRecorder(label: label, dimensions: dimensions, aggregate: false).record(value)
    }

    /// Everything recorded so far, in the text format, sorted by name.
    public var text: String {
        let (counters, gauges, histograms) = state.withLock { ($0.counters, $0.gauges, $0.histograms) }
        var lines: [String] = []
        func header(_ label: String, _ type: String, _ previous: inout String) {
            if label != previous { lines.append("# TYPE \(label) \(type)") }
            previous = label
        }
        func sorted<Cell>(_ cells: [Series: Cell]) -> [(Series, Cell)] {
            cells.sorted { ($0.key.label, $0.key.dimensions) < ($1.key.label, $1.key.dimensions) }
                .map { ($0.key, $0.value) }
        }
        var previous = ""
        for (series, cell) in sorted(counters) {
            header(series.label, "counter", &previous)
            lines.append("\(series.label)\(Self.braces(series.dimensions)) \(cell.value)")
        }
        previous = ""
        for (series, cell) in sorted(gauges) {
            header(series.label, "gauge", &previous)
            lines.append("\(series.label)\(Self.braces(series.dimensions)) \(cell.value)")
        }
        previous = ""
        for (series, cell) in sorted(histograms) {
            header(series.label, "histogram", &previous)
            lines += cell.lines(label: series.label, dimensions: series.dimensions)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func braces(_ dimensions: String) -> String {
        dimensions.isEmpty ? "" : "{\(dimensions)}"
    }

    private static func series(_ label: String, _ dimensions: [(String, String)]) -> Series {
        let name = String(
            label.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") ? $0 : "_" })
        let pairs = dimensions.sorted { $0.0 < $1.0 }.map { key, value in
            let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
            return "\(key)=\"\(escaped)\""
        }
        return Series(label: name, dimensions: pairs.joined(separator: ","))
    }
}

extension PrometheusMetrics: MetricsFactory {
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let series = Self.series(label, dimensions)
        return state.withLock { state in
            if let cell = state.counters[series] { return cell }
            let cell = CounterCell()
            state.counters[series] = cell
            return cell
        }
    }

    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        let series = Self.series(label, dimensions)
        return state.withLock { state -> any RecorderHandler in
            if aggregate {
                if let cell = state.histograms[series] { return cell }
                let cell = HistogramCell()
                state.histograms[series] = cell
                return cell
            }
            if let cell = state.gauges[series] { return cell }
            let cell = GaugeCell()
            state.gauges[series] = cell
            return cell
        }
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let series = Self.series(label, dimensions)
        return state.withLock { state in
            if let cell = state.histograms[series] { return cell }
            let cell = HistogramCell()
            state.histograms[series] = cell
            return cell
        }
    }

    // Series live as long as the process: their number is bounded by the code that names them.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}
}

private final class CounterCell: CounterHandler {
    private let count = Atomic<Int64>(0)
    var value: Int64 { count.load(ordering: .relaxed) }
    func increment(by amount: Int64) { count.wrappingAdd(amount, ordering: .relaxed) }
    func reset() { count.store(0, ordering: .relaxed) }
}

private final class GaugeCell: RecorderHandler {
    private let bits = Atomic<UInt64>(0)
    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
    func record(_ value: Int64) { record(Double(value)) }
    func record(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
}

private final class HistogramCell: RecorderHandler, TimerHandler {
    /// Upper bounds in seconds, from Prometheus' own defaults with two finer ones.
    private static let bounds: [Double] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    private struct Counts {
        var buckets = [Int64](repeating: 0, count: HistogramCell.bounds.count)
        var total: Int64 = 0
        var sum = 0.0
    }

    private let counts = Mutex(Counts())

    func record(_ value: Int64) { record(Double(value)) }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    func record(_ value: Double) {
        let bucket = Self.bounds.firstIndex { value <= $0 }
        counts.withLock { counts in
            if let bucket { counts.buckets[bucket] += 1 }
            counts.total += 1
            counts.sum += value
        }
    }

    func lines(label: String, dimensions: String) -> [String] {
        let (buckets, total, sum) = counts.withLock { ($0.buckets, $0.total, $0.sum) }
        let prefix = dimensions.isEmpty ? "" : dimensions + ","
        var cumulative: Int64 = 0
        var lines: [String] = []
        for (bound, count) in zip(Self.bounds, buckets) {
            cumulative += count
            lines.append("\(label)_bucket{\(prefix)le=\"\(bound)\"} \(cumulative)")
        }
        lines.append("\(label)_bucket{\(prefix)le=\"+Inf\"} \(total)")
        let braces = dimensions.isEmpty ? "" : "{\(dimensions)}"
        lines.append("\(label)_sum\(braces) \(sum)")
        lines.append("\(label)_count\(braces) \(total)")
        return lines
    }
}
