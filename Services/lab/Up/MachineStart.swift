import FoundationEssentials
import LabKit

/// Which start of the machine the lab of a directory last ran in.
///
/// A killed process loses nothing that it wrote, a machine that loses power loses what was not synced: files may be
/// there and empty, and process numbers of before mean nothing.
struct MachineStart: Sendable {
    private let file: String
    /// The kernel makes this number at each start of the machine (random(4)).
    private let present = MachineStart.read("/proc/sys/kernel/random/boot_id")

    init(_ directory: StateDirectory) {
        file = directory.path + "/machine-start"
    }

    /// Whether the machine was started anew since the lab last ran here.
    var isLaterThanLab: Bool {
        guard let last = Self.read(file) else { return false }
        return last != present
    }

    func record() throws {
        guard let present, present != Self.read(file) else { return }
        try PrivateFile.write(present + "\n", to: file)
    }

    private static func read(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map {
            String(decoding: $0, as: UTF8.self).trimmed
        }
    }
}
