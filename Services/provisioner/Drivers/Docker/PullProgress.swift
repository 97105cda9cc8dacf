import LabCore
import LabState

/// How far the layers of an image have come.
struct PullProgress: Sendable, Hashable {
    var done: Int64
    var total: Int64
    /// Layers that are there, of those that are known.
    var finishedLayers: Int
    var layers: Int
}

/// Reads what the engine tells while it pulls: a JSON object a line, of which each names a layer and how it stands.
struct PullLines {
    private struct Line: Decodable {
        struct Detail: Decodable {
            let current: Int64?
            let total: Int64?
        }

        let status: String?
        let id: String?
        let progressDetail: Detail?
        let error: String?
    }

    private var lines = LineBuffer()
    private var layers: [String: (done: Int64, total: Int64, isFinished: Bool)] = [:]

    /// - Returns: how it stands now; nil while no line is whole.
    /// - Throws: ``DockerFault`` when the engine tells of an error, which it does with the status 200.
    mutating func add(_ chunk: some Sequence<UInt8>) throws -> PullProgress? {
        var isChanged = false
        for text in lines.add(chunk) {
            guard let line = try? JSONText(trusted: text).decode(Line.self) else { continue }
            if let error = line.error { throw DockerFault.refused(status: 200, error) }
            guard let id = line.id, let status = line.status, !status.hasPrefix("Pulling from") else { continue }
            isChanged = true
            var layer = layers[id] ?? (0, 0, false)
            switch status {
            case "Downloading":
                layer.done = line.progressDetail?.current ?? layer.done
                layer.total = line.progressDetail?.total ?? layer.total
            case "Download complete": layer.done = layer.total
            case "Pull complete", "Already exists": layer = (layer.total, layer.total, true)
            default: break
            }
            layers[id] = layer
        }
        guard isChanged else { return nil }
        return layers.values.reduce(into: PullProgress(done: 0, total: 0, finishedLayers: 0, layers: layers.count)) {
            $0.done += $1.done
            $0.total += $1.total
            if $1.isFinished { $0.finishedLayers += 1 }
        }
    }
}

/// Makes lines of what comes in pieces.
struct LineBuffer {
    private var rest: [UInt8] = []

    /// The lines that are whole now.
    mutating func add(_ chunk: some Sequence<UInt8>) -> [String] {
        rest += chunk
        var lines: [String] = []
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            lines.append(String(decoding: rest[..<end], as: UTF8.self))
            rest.removeSubrange(...end)
        }
        return lines
    }
}
