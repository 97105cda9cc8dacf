/// The version of the whole platform.
public enum LabVersion {
    public static let current = "0.1.0"
}
