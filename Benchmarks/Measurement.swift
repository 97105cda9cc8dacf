import Foundation
import LabKit
import Logging

/// One figure, with the peer's beside it where there is one.
struct Measurement: Sendable {
    let what: String
    let ours: String
    let peer: String
    let ratio: String

    /// - Parameters:
    ///   - ours: medians, or the one figure that there is.
    ///   - peer: the name of the other program with its figure.
    init(_ what: String, ours: Double, peer: (name: String, value: Double), unit: String) {
        self.what = what
        self.ours = "\(Self.text(ours)) \(unit)"
        self.peer = "\(peer.name): \(Self.text(peer.value)) \(unit)"
        ratio = peer.value > 0 ? Self.text(ours / peer.value) : "—"
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

    /// The value below which a share of the values lies (nearest rank).
    func quantile(_ share: Double) -> Double {
        guard !isEmpty else { return 0 }
        let sorted = sorted()
        return sorted[Swift.min(count - 1, Int((Double(count - 1) * share).rounded()))]
    }
}

extension Logger {
    static var silent: Logger { Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() } }
}

/// A peer or a lab that did not do its part.
struct BenchmarkFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// What else the machine does (proc(5), loadavg).
enum SystemLoad {
    static var description: String {
        let data = FileManager.default.contents(atPath: "/proc/loadavg") ?? Data()
        return String(decoding: data, as: UTF8.self).split(separator: " ").prefix(3).joined(separator: " ")
    }
}
